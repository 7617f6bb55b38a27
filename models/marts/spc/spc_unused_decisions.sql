with decisions as (

    select
        *,
        concat(chart_id, '/', stream) as stream_id,
        coalesce(ends_at, starts_at) as last_moment,
        coalesce(baseline_points is not null or baseline_starts_at is not null or baseline_ends_at is not null, false)
            as has_baseline
    from {{ ref('spc_phases') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

phases_with_points as (

    select
        stream_id,
        phase,
        sum(case when is_baseline then 1 else 0 end) as baseline_points
    from subgroups
    group by stream_id, phase

),

streams_with_points as (

    select distinct stream_id
    from phases_with_points

),

exclusions_with_points as (

    select distinct
        decisions.stream_id,
        decisions.starts_at,
        decisions.last_moment
    from decisions
    inner join subgroups
        on
            decisions.stream_id = subgroups.stream_id
            and decisions.starts_at <= subgroups.subgroup_at
            and decisions.last_moment >= subgroups.subgroup_at
    where decisions.entry = 'exclusion'

),

-- What was decided but touches nothing comes first, then what is followed only in part.
judged_decisions as (

    select
        decisions.*,
        case
            when charts.chart_id is null then 'there is no such chart'
            when not charts.is_enabled then 'the chart is not enabled'
            when streams_with_points.stream_id is null then 'the stream has no samples on this chart'
            when decisions.entry = 'exclusion' and exclusions_with_points.stream_id is null
                then 'no sample lies in the exclusion'
            when decisions.entry = 'phase' and phases_with_points.stream_id is null then 'no sample lies in the phase'
            when decisions.entry = 'phase' and decisions.centre_line is null and phases_with_points.baseline_points = 0
                then 'no point is left to set its limits'
            when decisions.entry = 'phase' and decisions.centre_line is not null and decisions.has_baseline
                then 'the level is decided upon: the baseline is not read'
            when decisions.entry = 'phase' and decisions.ends_at is not null
                then 'a phase lasts until the next one: ends_at is not read'
            when
                decisions.entry = 'exclusion'
                and (decisions.has_baseline or decisions.centre_line is not null or decisions.sigma is not null)
                then 'an exclusion sets no limits: baseline, centre_line and sigma are not read'
        end as problem
    from decisions
    left join charts
        on decisions.chart_id = charts.chart_id
    left join streams_with_points
        on decisions.stream_id = streams_with_points.stream_id
    left join phases_with_points
        on
            decisions.stream_id = phases_with_points.stream_id
            and decisions.phase = phases_with_points.phase
    left join exclusions_with_points
        on
            decisions.stream_id = exclusions_with_points.stream_id
            and decisions.starts_at = exclusions_with_points.starts_at
            and decisions.last_moment = exclusions_with_points.last_moment

)

-- The same decision given twice is one.
select distinct
    chart_id,
    stream,
    entry,
    phase,
    starts_at,
    ends_at,
    problem,
    reason,
    decided_by,
    decided_at
from judged_decisions
where problem is not null
