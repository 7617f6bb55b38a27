with shift_scores as (

    select * from {{ ref('spc_shift_scores') }}

),

limits as (

    select * from {{ ref('spc_limits') }}

),

settings as (

    {{ threshold_columns(['rebaseline_minimum_points', 'rebaseline_allowance', 'rebaseline_decision']) }}

),

scores_and_allowance as (

    select
        shift_scores.*,
        settings.rebaseline_allowance as allowance
    from shift_scores
    cross join settings

),

{{ cusum_of('scores_and_allowance') }},

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

-- The level as spc_baselines will have it once the proposal is approved.
figures_since as (

    select
        changes.stream_id,
        changes.phase,
        min(changes.direction) as direction,
        min(changes.cusum) as cusum,
        min(shift_scores.subgroup_at) as changed_at,
        min(shift_scores.point_number) as changed_at_point,
        count(*) as points_since,
        case
            when min(shift_scores.sigma_method) in ('binomial', 'poisson')
                then {{ ratio('sum(shift_scores.counted)', 'sum(shift_scores.sample_size)') }}
            when min(shift_scores.sigma_method) in ('range', 'deviation')
                then sum(shift_scores.sample_size * shift_scores.value) / sum(shift_scores.sample_size)
            else avg(shift_scores.value)
        end as level_since
    from changes
    inner join shift_scores
        on
            changes.stream_id = shift_scores.stream_id
            and changes.phase = shift_scores.phase
            and changes.last_point_before < shift_scores.phase_point
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
