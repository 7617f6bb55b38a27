with subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

limits as (

    select * from {{ ref('spc_limits') }}

),

latest_phases as (

    select
        stream_id,
        max(phase) as phase
    from limits
    group by stream_id

),

-- Points after those that the limits came from, in the phase that is in force, whatever chart shows them.
judged_points as (

    select
        subgroups.stream_id,
        subgroups.phase,
        subgroups.point_number,
        subgroups.phase_point,
        subgroups.subgroup_at,
        subgroups.sample_size,
        subgroups.counted,
        subgroups.value,
        limits.chart_type,
        limits.sigma_method,
        {{ standardised_value(
            'subgroups.value', 'limits.level',
            point_sigma('limits.sigma', 'limits.sigma_method', 'subgroups.sample_size')
        ) }} as distance,
        case when limits.chart_type = 'g' then {{ longer_gap_share('subgroups.value', 'limits.level') }} end
            as longer_gap_share
    from subgroups
    inner join latest_phases
        on
            subgroups.stream_id = latest_phases.stream_id
            and subgroups.phase = latest_phases.phase
    inner join limits
        on
            subgroups.stream_id = limits.stream_id
            and subgroups.phase = limits.phase
    where
        limits.limit_reason is null
        and not subgroups.is_baseline
        and (limits.baseline_ends_at is null or subgroups.subgroup_at >= limits.baseline_ends_at)
        and subgroups.exclusion_reason is null
        and subgroups.value is not null

)

-- Gaps of a g chart are too skewed to be taken as normal, so their score is the normal quantile of their place in the
-- geometric distribution (Quesenberry 1991).
select
    stream_id,
    phase,
    point_number,
    phase_point,
    subgroup_at,
    sigma_method,
    sample_size,
    counted,
    value,
    case
        when chart_type = 'g' then round(-({{ inverse_normal('longer_gap_share') }}), 12)
        else distance
    end as z
from judged_points
