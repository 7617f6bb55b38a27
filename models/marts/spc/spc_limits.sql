with charts_in_force as (

    select * from {{ ref('spc_charts_in_force') }}

),

subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

limits as (

    select
        *,
        case when limit_reason is null then sigma end as limit_sigma,
        limit_reason is null and chart_type not in ('ewma', 'cusum') as has_shewhart_limits
    from charts_in_force

),

baseline_hits as (

    select
        subgroups.stream_id,
        subgroups.phase,
        count(*) as baseline_points_beyond
    from subgroups
    inner join limits
        on
            subgroups.stream_id = limits.stream_id
            and subgroups.phase = limits.phase
    where
        subgroups.is_baseline
        and abs({{ standardised_value(
            'subgroups.value', 'limits.level',
            point_sigma('limits.limit_sigma', 'limits.sigma_method', 'subgroups.sample_size')
        ) }}) > limits.k
    group by subgroups.stream_id, subgroups.phase

)

select
    limits.stream_id,
    limits.phase,
    limits.chart_id,
    limits.stream,
    limits.chart_type,
    limits.requested_chart_type,
    limits.kind,
    limits.sigma_method,
    limits.k,
    limits.phase_starts_at,
    limits.phase_ends_at,
    limits.points,
    case
        when limits.is_level_decided then 'decided'
        when limits.is_baseline_complete then 'complete'
        else 'growing'
    end as baseline_state,
    limits.baseline_points,
    limits.baseline_starts_at,
    limits.baseline_ends_at,
    case when limits.limit_reason is null then limits.level end as level,
    case
        when limits.limit_reason is null and limits.chart_type = 'g' then limits.median_value
        when limits.limit_reason is null then limits.level
    end as centre_line,
    limits.limit_sigma as sigma,
    limits.limit_reason,
    limits.level as baseline_mean,
    limits.dispersion,
    limits.dispersion_degrees,
    limits.dispersion_limit,
    limits.is_overdispersed,
    limits.sigma_z,
    limits.smallest_sample,
    limits.largest_sample,
    case when limits.chart_type in ('np', 'c') then limits.largest_deciding_sample end as required_sample_size,
    case
        when limits.has_shewhart_limits and limits.sigma_method in ('binomial', 'poisson')
            then power(limits.k * limits.limit_sigma / nullif(limits.level, 0), 2)
    end as sample_size_for_lower_limit,
    coalesce(
        limits.has_shewhart_limits
        and (limits.sigma_method in ('binomial', 'poisson', 'geometric') or limits.chart_type = 't')
        and {{ standardised_value(
            '0.0', 'limits.level', point_sigma('limits.limit_sigma', 'limits.sigma_method', 'limits.largest_sample')
        ) }} >= -limits.k,
        false
    ) as is_lower_limit_unreachable,
    not limits.is_level_decided and limits.baseline_points < limits.minimum_baseline_points as is_baseline_short,
    coalesce(baseline_hits.baseline_points_beyond, 0) as baseline_points_beyond,
    baseline_hits.baseline_points_beyond is not null as is_baseline_unstable
from limits
left join baseline_hits
    on
        limits.stream_id = baseline_hits.stream_id
        and limits.phase = baseline_hits.phase
