with baselines as (

    select * from {{ ref('spc_baselines') }}

),

subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

settings as (

    {{ threshold_columns(['overdispersion_significance']) }}

),

settings_with_confidence as (

    select 1 - overdispersion_significance as confidence
    from settings

),

significance as (

    select
        {{ inverse_normal('confidence') }} as z
    from settings_with_confidence

),

standardised_points as (

    select
        subgroups.stream_id,
        subgroups.phase,
        subgroups.phase_point,
        subgroups.is_baseline,
        subgroups.is_baseline_range,
        baselines.k,
        (subgroups.value - baselines.level) * sqrt(subgroups.sample_size) / nullif(baselines.plain_sigma, 0) as z
    from subgroups
    inner join baselines
        on
            subgroups.stream_id = baselines.stream_id
            and subgroups.phase = baselines.phase
    where
        subgroups.value is not null
        and baselines.sigma_method in ('binomial', 'poisson')

),

points_with_steps as (

    select
        *,
        case
            when is_baseline_range
                then abs(z - lag(z) over (partition by stream_id, phase order by phase_point))
        end as z_step
    from standardised_points

),

-- sigma_z is Laney's; the one from the median of the steps is hardly moved by a few points with a cause of their own.
spreads as (

    select
        stream_id,
        phase,
        avg(z_step) / {{ moving_range_d2() }} as sigma_z,
        {{ median('z_step') }} / {{ moving_range_median() }} as robust_sigma_z
    from points_with_steps
    where is_baseline
    group by stream_id, phase

),

baseline_points as (

    select
        points_with_steps.stream_id,
        points_with_steps.phase,
        points_with_steps.z,
        spreads.sigma_z,
        abs(points_with_steps.z) <= points_with_steps.k * {{ at_least('coalesce(spreads.robust_sigma_z, 1.0)', '1.0') }}
            as is_inside
    from points_with_steps
    inner join spreads
        on
            points_with_steps.stream_id = spreads.stream_id
            and points_with_steps.phase = spreads.phase
    where points_with_steps.is_baseline

),

-- The test of overdispersion reads the points without such a cause: those within k of the spread that the stream shows
-- from point to point, and all within the plain limits.
dispersions as (

    select
        stream_id,
        phase,
        min(sigma_z) as sigma_z,
        sum(case when is_inside then z * z end) as dispersion,
        nullif(sum(case when is_inside then 1 else 0 end), 0) - 1 as dispersion_degrees
    from baseline_points
    group by stream_id, phase

)

select
    dispersions.stream_id,
    dispersions.phase,
    dispersions.sigma_z,
    dispersions.dispersion,
    dispersions.dispersion_degrees,
    {{ chi_squared_quantile('dispersions.dispersion_degrees', 'significance.z') }} as dispersion_limit
from dispersions
cross join significance
