with points as (

    select * from {{ ref('spc_points') }}

),

limits as (

    select * from {{ ref('spc_limits') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

rules as (

    select * from {{ ref('spc_rules') }}

),

constants as (

    select * from {{ ref('spc_constants') }}

),

-- How likely a point of a stable process lies beyond its limits. R and s charts: exact at k = 3, else as if normal.
points_with_rate as (

    select
        points.chart_id,
        points.stream_id,
        points.statistic,
        points.point_number,
        points.subgroup_at,
        case
            when points.statistic = 'mr' then {{ moving_range_alarm_rate('points.k') }}
            when points.statistic = 'r' and points.k = 3 and constants.range_alarm_rate is not null
                then constants.range_alarm_rate
            when points.statistic = 's' and points.k = 3 and constants.deviation_alarm_rate is not null
                then constants.deviation_alarm_rate
            when points.statistic = 'g' then {{ gap_alarm_rate('limits.level', 'points.ucl') }}
            when points.statistic in ('cusum_high', 'cusum_low')
                then {{ cusum_alarm_rate('charts.cusum_allowance', 'charts.cusum_decision') }}
            else 2 * {{ normal_tail('points.k') }}
        end as beyond_rate
    from points
    inner join limits
        on
            points.stream_id = limits.stream_id
            and points.phase = limits.phase
    inner join charts
        on points.chart_id = charts.chart_id
    left join constants
        on points.sample_size = constants.sample_size
    where points.standardised_value is not null

),

stream_statistics as (

    select
        chart_id,
        stream_id,
        statistic,
        count(*) as points,
        sum(beyond_rate) as expected_beyond
    from points_with_rate
    group by chart_id, stream_id, statistic

),

-- Points a month as the stream has delivered them so far; less than a day of points is taken as it stands. n points
-- span n - 1 steps; in seconds, because the engines count the hours of a difference in two ways.
stream_periods as (

    select
        chart_id,
        stream_id,
        count(distinct point_number) as points,
        min(subgroup_at) as first_point_at,
        max(subgroup_at) as last_point_at
    from points_with_rate
    group by chart_id, stream_id

),

stream_months as (

    select
        *,
        greatest(
            cast({{ dbt.datediff('first_point_at', 'last_point_at', 'second') }} as {{ type_double() }}) / 86400  -- noqa: LT05
            * points / greatest(points - 1, 1),
            1.0
        ) / 30 as months
    from stream_periods

),

-- A stream has one row of stream_months, so its maximum is its value: as a key a DOUBLE would cost Lakehouse the
-- incremental refresh.
stream_alarms as (

    select
        stream_statistics.chart_id,
        stream_statistics.stream_id,
        charts.rule_set,
        rules.rule,
        rules.description,
        max(stream_months.points / stream_months.months) as points_per_month,
        sum(case
            when rules.pattern = 'beyond' and rules.hit_points = 1 and rules.sigma is null
                then stream_statistics.expected_beyond
            else stream_statistics.points * rules.false_alarm_rate
        end) / max(stream_months.months) as alarms_per_month
    from stream_statistics
    inner join stream_months
        on stream_statistics.stream_id = stream_months.stream_id
    inner join charts
        on stream_statistics.chart_id = charts.chart_id
    inner join rules
        on
            charts.rule_set = rules.rule_set
            and rules.is_enabled
            and (
                (rules.pattern = 'beyond' and rules.hit_points = 1)
                or not {{ is_judged_by_limits_only('stream_statistics.statistic') }}
            )
    group by
        stream_statistics.chart_id,
        stream_statistics.stream_id,
        charts.rule_set,
        rules.rule,
        rules.description

)

select
    chart_id,
    rule_set,
    rule,
    description,
    count(*) as streams,
    sum(points_per_month) as points_per_month,
    sum(alarms_per_month) / sum(points_per_month) as false_alarm_rate,
    sum(alarms_per_month) as expected_false_alarms_per_month
from stream_alarms
group by
    chart_id,
    rule_set,
    rule,
    description
