with phase_methods as (

    select * from {{ ref('spc_phase_methods') }}

),

subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

constants as (

    select * from {{ ref('spc_constants') }}

),

-- Subgroups of different size have an estimate of sigma each, weighted by its precision; with one size this is
-- Rbar / d2 or sbar / c4 to the letter.
baseline_points as (

    select
        phase_methods.stream_id,
        phase_methods.phase,
        subgroups.subgroup_at,
        subgroups.sample_size,
        subgroups.counted,
        subgroups.value,
        case when subgroups.is_baseline_range then subgroups.moving_range end as moving_range,
        case phase_methods.sigma_method
            when 'range' then subgroups.subgroup_range / constants.d2
            when 'deviation' then subgroups.subgroup_deviation / {{ c4('subgroups.sample_size', 'constants.c4') }}
        end as subgroup_sigma,
        case phase_methods.sigma_method
            when 'range' then constants.d2 * constants.d2 / (constants.d3 * constants.d3)
            when 'deviation' then {{ c4_precision('subgroups.sample_size', 'constants.c4') }}
        end as subgroup_weight
    from subgroups
    inner join phase_methods
        on
            subgroups.stream_id = phase_methods.stream_id
            and subgroups.phase = phase_methods.phase
    left join constants
        on subgroups.sample_size = constants.sample_size
    where subgroups.is_baseline

),

baseline_figures as (

    select
        stream_id,
        phase,
        count(*) as baseline_points,
        min(subgroup_at) as baseline_starts_at,
        max(subgroup_at) as baseline_ends_at,
        {{ ratio('sum(counted)', 'sum(sample_size)') }} as mean_rate,
        avg(value) as mean_value,
        sum(sample_size * value) / nullif(sum(sample_size), 0) as weighted_mean_value,
        {{ median('value') }} as median_value,
        avg(moving_range) as mean_moving_range,
        sum(case when subgroup_sigma is not null then subgroup_weight * subgroup_sigma end)
        / nullif(sum(case when subgroup_sigma is not null then subgroup_weight end), 0) as mean_subgroup_sigma
    from baseline_points
    group by stream_id, phase

),

-- What a person has decided upon comes before what the baseline says.
levels as (

    select
        phase_methods.*,
        coalesce(baseline_figures.baseline_points, 0) as baseline_points,
        baseline_figures.baseline_starts_at,
        baseline_figures.baseline_ends_at,
        baseline_figures.mean_moving_range,
        baseline_figures.mean_subgroup_sigma,
        coalesce(phase_methods.frozen_centre_line, case
            when phase_methods.sigma_method in ('binomial', 'poisson') then baseline_figures.mean_rate
            when phase_methods.sigma_method in ('range', 'deviation') then baseline_figures.weighted_mean_value
            else baseline_figures.mean_value
        end) as level,
        coalesce(phase_methods.frozen_centre_line, baseline_figures.median_value) as median_value
    from phase_methods
    left join baseline_figures
        on
            phase_methods.stream_id = baseline_figures.stream_id
            and phase_methods.phase = baseline_figures.phase

)

-- sigma is that of one unit: a point of n units has sigma / sqrt(n), whatever is counted or measured.
select
    stream_id,
    phase,
    chart_id,
    stream,
    kind,
    requested_chart_type,
    sigma_method,
    k,
    minimum_baseline_points,
    phase_starts_at,
    phase_ends_at,
    points,
    is_baseline_complete,
    smallest_sample,
    largest_sample,
    smallest_deciding_sample,
    largest_deciding_sample,
    frozen_centre_line is not null as is_level_decided,
    frozen_sigma is not null as is_sigma_decided,
    baseline_points,
    baseline_starts_at,
    baseline_ends_at,
    level,
    median_value,
    coalesce(frozen_sigma, case sigma_method
        when 'binomial' then sqrt({{ at_least('level * (1 - level)', '0.0') }})
        when 'poisson' then sqrt({{ at_least('level', '0.0') }})
        when 'geometric' then sqrt({{ at_least('level * (level + 1)', '0.0') }})
        when 'moving_range' then mean_moving_range / {{ moving_range_d2() }}
        else mean_subgroup_sigma
    end) as plain_sigma
from levels
