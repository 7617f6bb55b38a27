with subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

limits as (

    select * from {{ ref('spc_limits') }}

),

settings as (

    {{ threshold_columns(['rebaseline_minimum_points', 'rebaseline_allowance', 'rebaseline_decision']) }}

),

latest_phases as (

    select
        stream_id,
        max(phase) as phase
    from limits
    group by stream_id

),

-- Points that the limits did not come from, in the phase that is in force, whatever chart shows them. Gaps on a g chart
-- are too skewed for a CUSUM of normal values; a t chart of the same events serves.
judged_points as (

    select
        subgroups.stream_id,
        subgroups.phase,
        subgroups.phase_point,
        {{ standardised_value(
            'subgroups.value', 'limits.level',
            point_sigma('limits.sigma', 'limits.sigma_method', 'subgroups.sample_size')
        ) }} as z,
        settings.rebaseline_allowance as allowance
    from subgroups
    inner join latest_phases
        on
            subgroups.stream_id = latest_phases.stream_id
            and subgroups.phase = latest_phases.phase
    inner join limits
        on
            subgroups.stream_id = limits.stream_id
            and subgroups.phase = limits.phase
    cross join settings
    where
        limits.limit_reason is null
        and limits.chart_type <> 'g'
        and not subgroups.is_baseline
        and subgroups.exclusion_reason is null
        and subgroups.value is not null

),

{{ cusum_of('judged_points') }},

-- The estimated change is the point after the last one at which the CUSUM of that side was zero (Page 1954).
latest_sums as (

    select
        stream_id,
        phase,
        max(phase_point) as last_point,
        min(phase_point) - 1 as point_before,
        max(case when cusum_high = 0 then phase_point end) as last_zero_high,
        max(case when cusum_low = 0 then phase_point end) as last_zero_low
    from cusum_points
    group by stream_id, phase

),

changes as (

    select
        latest_sums.stream_id,
        latest_sums.phase,
        latest_sums.last_point,
        case when cusum_points.cusum_high >= cusum_points.cusum_low then 'up' else 'down' end as direction,
        greatest(cusum_points.cusum_high, cusum_points.cusum_low) as cusum,
        coalesce(
            case
                when cusum_points.cusum_high >= cusum_points.cusum_low then latest_sums.last_zero_high
                else latest_sums.last_zero_low
            end,
            latest_sums.point_before
        ) as last_point_before
    from latest_sums
    inner join cusum_points
        on
            latest_sums.stream_id = cusum_points.stream_id
            and latest_sums.phase = cusum_points.phase
            and latest_sums.last_point = cusum_points.phase_point

),

figures_since as (

    select
        changes.stream_id,
        changes.phase,
        min(changes.direction) as direction,
        min(changes.cusum) as cusum,
        min(subgroups.subgroup_at) as changed_at,
        min(subgroups.point_number) as changed_at_point,
        count(*) as points_since,
        case min(subgroups.kind)
            when 'measured' then sum(subgroups.sample_size * subgroups.value) / sum(subgroups.sample_size)
            when 'gaps' then avg(subgroups.value)
            else {{ ratio('sum(subgroups.counted)', 'sum(subgroups.sample_size)') }}
        end as level_since
    from changes
    inner join subgroups
        on
            changes.stream_id = subgroups.stream_id
            and changes.phase = subgroups.phase
            and changes.last_point_before < subgroups.phase_point
    where
        subgroups.value is not null
        and subgroups.exclusion_reason is null
    group by changes.stream_id, changes.phase

)

select
    figures_since.stream_id,
    limits.chart_id,
    limits.stream,
    figures_since.phase as current_phase,
    figures_since.phase + 1 as proposed_phase,
    figures_since.changed_at as proposed_starts_at,
    figures_since.changed_at_point,
    figures_since.direction,
    figures_since.points_since,
    figures_since.cusum,
    limits.level as current_level,
    figures_since.level_since as proposed_level,
    (figures_since.level_since - limits.level) / limits.sigma as shift_in_unit_sigmas,
    concat(
        limits.chart_id, ',', {{ csv_field('limits.stream') }}, ',phase,',
        cast(figures_since.phase + 1 as {{ dbt.type_string() }}), ',',
        cast(figures_since.changed_at as {{ dbt.type_string() }}), ',,',
        cast(figures_since.points_since as {{ dbt.type_string() }}),
        ',,,,,<reason>,<decided by>,<decided at>'
    ) as phase_row
from figures_since
inner join limits
    on
        figures_since.stream_id = limits.stream_id
        and figures_since.phase = limits.phase
cross join settings
where
    figures_since.cusum > settings.rebaseline_decision
    and figures_since.points_since >= settings.rebaseline_minimum_points
