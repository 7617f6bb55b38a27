{{ config(
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_outdated_phases(this) }}",
) }}

with shewhart_points as (

    select * from {{ ref('spc_shewhart_points') }}

),

time_weighted_points as (

    select * from {{ ref('spc_time_weighted_points') }}

),

subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

streams as (

    select * from {{ ref('spc_streams') }}

),

{{ changed_phases(this if is_incremental() else none) }},

points as (

    select * from shewhart_points
    union all
    select * from time_weighted_points

),

-- Rounded so that a point on a limit is not judged by the last bit of a sum.
points_rounded as (

    select
        *,
        round(standardised_value, 12) as z
    from points

)

select
    subgroups.stream_id,
    points_rounded.statistic,
    subgroups.point_number,
    subgroups.phase,
    subgroups.phase_point,
    subgroups.chart_id,
    subgroups.stream,
    subgroups.subgroup_key,
    subgroups.subgroup_at,
    subgroups.sample_size,
    points_rounded.value,
    points_rounded.centre_line,
    points_rounded.sigma,
    points_rounded.lcl,
    points_rounded.ucl,
    points_rounded.k,
    points_rounded.z as standardised_value,
    coalesce(abs(points_rounded.z) > points_rounded.k, false) as is_beyond_limits,
    subgroups.is_baseline,
    subgroups.exclusion_reason,
    case
        when points_rounded.limit_reason is not null then points_rounded.limit_reason
        when points_rounded.value is null then 'no value'
    end as limit_reason,
    streams.lower_spec,
    streams.target,
    streams.upper_spec,
    changed_phases.phase_key,
    changed_phases.fingerprint
from points_rounded
inner join changed_phases
    on
        points_rounded.stream_id = changed_phases.stream_id
        and points_rounded.phase = changed_phases.phase
inner join subgroups
    on
        points_rounded.stream_id = subgroups.stream_id
        and points_rounded.point_number = subgroups.point_number
inner join streams
    on subgroups.stream_id = streams.stream_id
