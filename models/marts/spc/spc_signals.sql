{{ config(
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_outdated_phases(judged_phases()) }}",
) }}

-- spc_points is named where it is read: DuckDB writes out in full what a CTE holds that is used more than once.
with charts as (

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

points_in_runs as (

    select
        points.stream_id,
        points.statistic,
        points.phase,
        points.point_number,
        points.standardised_value as z,
        points.k,
        charts.rule_set
    from {{ ref('spc_points') }} as points
    inner join changed_phases
        on points.phase_key = changed_phases.phase_key
    inner join charts
        on points.chart_id = charts.chart_id
    where
        points.standardised_value is not null
        and not {{ is_judged_by_limits_only('points.statistic') }}

),

{{ run_rule_hits('points_in_runs', 'enabled_rules') }},

limit_hits as (

    select
        points.stream_id,
        points.statistic,
        points.point_number,
        enabled_rules.rule_set,
        enabled_rules.rule,
        points.point_number as window_start_point,
        false as is_both_sides
    from {{ ref('spc_points') }} as points
    inner join changed_phases
        on points.phase_key = changed_phases.phase_key
    inner join charts
        on points.chart_id = charts.chart_id
    inner join enabled_rules
        on
            charts.rule_set = enabled_rules.rule_set
            and enabled_rules.pattern = 'beyond'
            and enabled_rules.hit_points = 1
            and abs(points.standardised_value) > coalesce(enabled_rules.sigma, points.k)
    where {{ is_judged_by_limits_only('points.statistic') }}

),

hits_of_all_statistics as (

    select
        stream_id,
        statistic,
        point_number,
        rule_set,
        rule,
        window_start_point,
        is_both_sides
    from rule_hits
    union all
    select
        stream_id,
        statistic,
        point_number,
        rule_set,
        rule,
        window_start_point,
        is_both_sides
    from limit_hits

)

-- The rule set comes with the hit: through the chart of the point, each point would be joined to each rule first.
select
    all_hits.stream_id,
    all_hits.statistic,
    all_hits.point_number,
    all_hits.rule_set,
    all_hits.rule,
    points.phase,
    points.chart_id,
    points.stream,
    points.subgroup_key,
    points.subgroup_at,
    all_hits.window_start_point,
    all_hits.is_both_sides,
    points.value,
    points.centre_line,
    points.lcl,
    points.ucl,
    points.standardised_value,
    points.is_baseline,
    points.exclusion_reason,
    enabled_rules.description,
    points.phase_key
from hits_of_all_statistics as all_hits
inner join {{ ref('spc_points') }} as points
    on
        all_hits.stream_id = points.stream_id
        and all_hits.statistic = points.statistic
        and all_hits.point_number = points.point_number
inner join enabled_rules
    on
        all_hits.rule_set = enabled_rules.rule_set
        and all_hits.rule = enabled_rules.rule
