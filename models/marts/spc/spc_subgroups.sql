with phased_samples as (

    select * from {{ ref('spc_phased_samples') }}

),

points_numbered as (

    select
        *,
        row_number() over (
            partition by stream_id
            order by subgroup_at, subgroup_key
        ) as point_number,
        case when value is not null then row_number() over (
            partition by stream_id, phase, case when value is null then 0 else 1 end
            order by subgroup_at, subgroup_key
        ) end as phase_point,
        -- A number of points counts from the beginning of the window where there is one.
        row_number() over (
            partition by
                stream_id,
                phase,
                case when value is null then 0 when subgroup_at < baseline_starts_at then 1 else 2 end
            order by subgroup_at, subgroup_key
        ) as window_point
    from phased_samples

),

baseline_marked as (

    select
        *,
        value is not null
        and exclusion_reason is null
        and frozen_centre_line is null
        and (baseline_starts_at is null or subgroup_at >= baseline_starts_at)
        and (baseline_ends_at is null or subgroup_at <= baseline_ends_at)
        and (baseline_points is null or window_point <= baseline_points) as is_baseline,
        coalesce(
            subgroup_at >= baseline_ends_at
            or (
                value is not null
                and (baseline_starts_at is null or subgroup_at >= baseline_starts_at)
                and window_point >= baseline_points
            ),
            false
        ) as ends_baseline
    from points_numbered

),

previous_points as (

    select
        *,
        lag(value) over (
            partition by stream_id, phase, case when value is null then 0 else 1 end
            order by phase_point
        ) as previous_value,
        lag(is_baseline) over (
            partition by stream_id, phase, case when value is null then 0 else 1 end
            order by phase_point
        ) as previous_is_baseline
    from baseline_marked

)

select
    stream_id,
    chart_id,
    stream,
    phase,
    point_number,
    phase_point,
    subgroup_key,
    subgroup_at,
    subgroup_ends_at,
    kind,
    sample_size,
    counted,
    value,
    subgroup_range,
    subgroup_deviation,
    abs(value - previous_value) as moving_range,
    is_baseline,
    is_baseline and coalesce(previous_is_baseline, false) as is_baseline_range,
    ends_baseline,
    exclusion_reason,
    frozen_centre_line,
    frozen_sigma
from previous_points
