with points as (

    select * from {{ ref('spc_points') }}

),

signals as (

    select * from {{ ref('spc_signals') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

rules as (

    select * from {{ ref('spc_rules') }}

),

judged_points as (

    select
        stream_id,
        phase,
        min(chart_id) as chart_id,
        count(*) as judged_points
    from points
    where
        statistic in ('x', 'xbar')
        and standardised_value is not null
        and exclusion_reason is null
    group by stream_id, phase

),

signal_points as (

    select
        stream_id,
        phase,
        count(distinct point_number) as signal_points
    from signals
    where exclusion_reason is null
    group by stream_id, phase

),

-- Rates of a chart of values alone: those of spc_false_alarm_budget have the spread chart in them.
rule_rates as (

    select
        charts.chart_id,
        sum(case
            when rules.pattern = 'beyond' and rules.hit_points = 1 and rules.sigma is null
                then 2 * ({{ normal_tail('charts.k') }})
            else rules.false_alarm_rate
        end) as false_alarm_rate
    from charts
    inner join rules
        on charts.rule_set = rules.rule_set
    where rules.is_enabled
    group by charts.chart_id

),

-- A spread chart adds alarms of its own: at most those of two values, whose difference is beyond its limit for
-- |z| > d2 (1 + k (D4 - 1) / 3) / sqrt(2).
spread_limits as (

    select
        chart_id,
        {{ moving_range_d2() }} * (1 + k * ({{ moving_range_d4() }} - 1) / 3) / sqrt(2.0) as spread_z
    from charts

),

expected_rates as (

    select
        spread_limits.chart_id,
        rule_rates.false_alarm_rate + 2 * ({{ normal_tail('spread_limits.spread_z') }}) as false_alarm_rate
    from spread_limits
    inner join rule_rates
        on spread_limits.chart_id = rule_rates.chart_id

),

counted as (

    select
        judged_points.stream_id,
        judged_points.phase,
        judged_points.judged_points,
        coalesce(signal_points.signal_points, 0) as signal_points,
        judged_points.judged_points * expected_rates.false_alarm_rate as expected_signal_points
    from judged_points
    left join signal_points
        on
            judged_points.stream_id = signal_points.stream_id
            and judged_points.phase = signal_points.phase
    left join expected_rates
        on judged_points.chart_id = expected_rates.chart_id

)

-- Hits of run rules come in clusters, and limits from a baseline are off by chance for all points alike: both make the
-- number of signals vary by more than its root.
select
    stream_id,
    phase,
    judged_points,
    signal_points,
    expected_signal_points,
    2 * expected_signal_points + 3 * sqrt(expected_signal_points) as tolerated_signal_points,
    coalesce(signal_points <= 2 * expected_signal_points + 3 * sqrt(expected_signal_points), false) as is_stable
from counted
