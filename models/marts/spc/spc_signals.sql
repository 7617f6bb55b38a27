{{ config(
    incremental_strategy='delete+insert',
    unique_key='phase_key',
    on_schema_change='fail',
    post_hook="{{ delete_vanished_phases() }}",
) }}

with points as (

    select * from {{ ref('spc_points') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

rules as (

    select * from {{ ref('spc_rules') }}

),

{{ changed_phases(judged_phases() if is_incremental() else none) }},

enabled_rules as (

    select * from rules
    where is_enabled

),

-- A statistic is judged by all rules of its chart or by its limits only: each of the two is a rule set here.
rules_by_statistic as (

    select
        concat(rule_set, '/all') as rule_set,
        rule,
        pattern,
        hit_points,
        window_points,
        sigma
    from enabled_rules
    union all
    select
        concat(rule_set, '/limits') as rule_set,
        rule,
        pattern,
        hit_points,
        window_points,
        sigma
    from enabled_rules
    where pattern = 'beyond' and hit_points = 1

),

judged_points as (

    select
        points.stream_id,
        points.statistic,
        points.phase,
        points.point_number,
        points.standardised_value as z,
        points.k,
        concat(
            charts.rule_set,
            case
                when {{ is_judged_by_limits_only('points.statistic') }} then '/limits'
                else '/all'
            end
        ) as rule_set
    from points
    inner join changed_phases
        on points.phase_key = changed_phases.phase_key
    inner join charts
        on points.chart_id = charts.chart_id
    where points.standardised_value is not null

),

{{ run_rule_hits('judged_points', 'rules_by_statistic') }}

select
    rule_hits.stream_id,
    rule_hits.statistic,
    rule_hits.point_number,
    charts.rule_set,
    rule_hits.rule,
    points.phase,
    points.chart_id,
    points.stream,
    points.subgroup_key,
    points.subgroup_at,
    rule_hits.window_start_point,
    rule_hits.is_both_sides,
    points.value,
    points.centre_line,
    points.lcl,
    points.ucl,
    points.standardised_value,
    points.is_baseline,
    points.exclusion_reason,
    enabled_rules.description,
    points.phase_key
from rule_hits
inner join points
    on
        rule_hits.stream_id = points.stream_id
        and rule_hits.statistic = points.statistic
        and rule_hits.point_number = points.point_number
inner join charts
    on points.chart_id = charts.chart_id
inner join enabled_rules
    on
        charts.rule_set = enabled_rules.rule_set
        and rule_hits.rule = enabled_rules.rule
