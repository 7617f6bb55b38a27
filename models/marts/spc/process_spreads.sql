with limits as (

    select * from {{ ref('spc_limits') }}

),

subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

streams as (

    select * from {{ ref('spc_streams') }}

),

constants as (

    select * from {{ ref('spc_constants') }}

),

measured_phases as (

    select
        limits.stream_id,
        limits.phase,
        limits.chart_id,
        limits.sigma_method
    from limits
    inner join streams
        on limits.stream_id = streams.stream_id
    where
        streams.source = 'characteristic'
        and limits.chart_type in ('i_mr', 'xbar_r', 'xbar_s')

),

subgroups_with_value as (

    select
        *,
        lag(exclusion_reason) over (partition by stream_id, phase order by phase_point) as previous_exclusion_reason,
        lag(sample_size) over (partition by stream_id, phase order by phase_point) as previous_sample_size
    from subgroups
    where value is not null

),

-- An estimate of sigma from each subgroup, weighted by its precision, as the charts have it: with one size this is
-- Rbar / d2 or sbar / c4. A step from or to an excluded point is no moving range, and one from or to a mean of several
-- values is none of single values: those spread by more.
subgroup_estimates as (

    select
        measured_phases.stream_id,
        measured_phases.phase,
        measured_phases.chart_id,
        measured_phases.sigma_method,
        subgroups.sample_size,
        subgroups.value,
        coalesce(subgroups.subgroup_deviation, 0.0) as subgroup_deviation,
        case
            when
                subgroups.previous_exclusion_reason is null
                and subgroups.sample_size = 1
                and subgroups.previous_sample_size = 1
                then subgroups.moving_range
        end as moving_range,
        case measured_phases.sigma_method
            when 'range' then subgroups.subgroup_range / constants.d2
            when 'deviation' then subgroups.subgroup_deviation / {{ c4('subgroups.sample_size', 'constants.c4') }}
        end as subgroup_sigma,
        case measured_phases.sigma_method
            when 'range' then constants.d2 * constants.d2 / (constants.d3 * constants.d3)
            when 'deviation' then {{ c4_precision('subgroups.sample_size', 'constants.c4') }}
        end as subgroup_weight
    from measured_phases
    inner join subgroups_with_value as subgroups
        on
            measured_phases.stream_id = subgroups.stream_id
            and measured_phases.phase = subgroups.phase
    left join constants
        on subgroups.sample_size = constants.sample_size
    where subgroups.exclusion_reason is null

),

phase_sums as (

    select
        stream_id,
        phase,
        min(chart_id) as chart_id,
        min(sigma_method) as sigma_method,
        count(*) as points,
        sum(sample_size) as measured_values,
        sum(sample_size * value) / sum(sample_size) as mean_value,
        avg(moving_range) as mean_moving_range,
        count(moving_range) as moving_ranges,
        sum(case when subgroup_sigma is not null then subgroup_weight * subgroup_sigma end) as weighted_sigmas,
        sum(case when subgroup_sigma is not null then subgroup_weight end) as weights
    from subgroup_estimates
    group by stream_id, phase

),

-- The spread of all values, put together from subgroups: within them and between their means.
phase_squares as (

    select
        phase_sums.stream_id,
        phase_sums.phase,
        sum(
            (subgroup_estimates.sample_size - 1) * power(subgroup_estimates.subgroup_deviation, 2)
            + subgroup_estimates.sample_size * power(subgroup_estimates.value - phase_sums.mean_value, 2)
        ) as sum_of_squares
    from phase_sums
    inner join subgroup_estimates
        on
            phase_sums.stream_id = subgroup_estimates.stream_id
            and phase_sums.phase = subgroup_estimates.phase
    group by phase_sums.stream_id, phase_sums.phase

)

-- An estimate with the relative variance v has as many degrees of freedom as a deviation of that variance, 1 / (2 v):
-- half the sum of the weights, and 0.62 for each moving range, which overlap (Wheeler 1995).
select
    phase_sums.stream_id,
    phase_sums.phase,
    phase_sums.chart_id,
    phase_sums.sigma_method,
    phase_sums.points,
    phase_sums.measured_values,
    phase_sums.mean_value,
    case phase_sums.sigma_method
        when 'moving_range' then phase_sums.mean_moving_range / {{ moving_range_d2() }}
        else phase_sums.weighted_sigmas / nullif(phase_sums.weights, 0)
    end as within_sigma,
    case phase_sums.sigma_method
        when 'moving_range' then 0.62 * phase_sums.moving_ranges
        else phase_sums.weights / 2
    end as within_degrees,
    case
        when phase_sums.measured_values > 1 then sqrt(phase_squares.sum_of_squares / (phase_sums.measured_values - 1))
    end as overall_sigma,
    phase_sums.measured_values - 1 as overall_degrees
from phase_sums
inner join phase_squares
    on
        phase_sums.stream_id = phase_squares.stream_id
        and phase_sums.phase = phase_squares.phase
