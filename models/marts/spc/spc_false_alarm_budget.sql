with points as (

    select * from {{ ref('spc_points') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

rules as (

    select * from {{ ref('spc_rules') }}

),

-- Points a month as the stream has delivered them so far; less than a day of points is taken as it stands.
stream_points as (

    select
        chart_id,
        stream_id,
        statistic,
        count(*) as points,
        min(subgroup_at) as first_point_at,
        max(subgroup_at) as last_point_at
    from points
    where standardised_value is not null and statistic not in ('mr', 'r', 's')
    group by chart_id, stream_id, statistic

),

stream_rates as (

    select
        chart_id,
        stream_id,
        statistic in ('g', 'ewma', 'cusum_high', 'cusum_low') as has_limits_only,
        -- n points span n - 1 steps; in seconds, because the engines count the hours of a difference in two ways
        {{ dbt.datediff('first_point_at', 'last_point_at', 'second') }}
        / 86400.0 * points / greatest(points - 1, 1) as days,
        points
    from stream_points

),

chart_points as (

    select
        chart_id,
        has_limits_only,
        count(distinct stream_id) as streams,
        sum(points * 30.0 / greatest(days, 1.0)) as points_per_month
    from stream_rates
    group by chart_id, has_limits_only

),

chart_rules as (

    select
        charts.chart_id,
        charts.rule_set,
        rules.rule,
        rules.description,
        chart_points.streams,
        chart_points.points_per_month,
        case
            when rules.pattern = 'beyond' and rules.hit_points = 1 and rules.sigma is null
                then 2 * {{ normal_tail('charts.k') }}
            else rules.false_alarm_rate
        end as false_alarm_rate
    from chart_points
    inner join charts
        on chart_points.chart_id = charts.chart_id
    inner join rules
        on
            charts.rule_set = rules.rule_set
            and rules.is_enabled
            and (not chart_points.has_limits_only or (rules.pattern = 'beyond' and rules.hit_points = 1))

)

select
    chart_id,
    rule_set,
    rule,
    description,
    streams,
    points_per_month,
    false_alarm_rate,
    points_per_month * false_alarm_rate as expected_false_alarms_per_month
from chart_rules
