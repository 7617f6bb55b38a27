with subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

constants as (

    select * from {{ ref('spc_constants') }}

),

phase_sizes as (

    select
        stream_id,
        phase,
        min(chart_id) as chart_id,
        min(stream) as stream,
        min(kind) as kind,
        min(subgroup_at) as phase_starts_at,
        max(subgroup_at) as phase_ends_at,
        count(value) as points,
        min(case when value is not null then sample_size end) as smallest_sample,
        max(case when value is not null then sample_size end) as largest_sample,
        min(frozen_centre_line) as frozen_centre_line,
        min(frozen_sigma) as frozen_sigma
    from subgroups
    group by stream_id, phase

),

-- How the spread of one point is estimated follows from what is counted or measured and from the size of the samples.
phase_methods as (

    select
        phase_sizes.*,
        charts.chart_type as requested_chart_type,
        charts.k,
        charts.minimum_baseline_points,
        case
            when phase_sizes.kind = 'gaps' and charts.chart_type = 'g' then 'geometric'
            when phase_sizes.kind = 'gaps' or charts.chart_type = 'i_mr' then 'moving_range'
            when phase_sizes.kind = 'defectives' then 'binomial'
            when phase_sizes.kind = 'defects' then 'poisson'
            when charts.chart_type = 'xbar_r' then 'range'
            when charts.chart_type = 'xbar_s' then 'deviation'
            when phase_sizes.largest_sample > 10 then 'deviation'
            when phase_sizes.largest_sample > 1 then 'range'
            else 'moving_range'
        end as sigma_method
    from phase_sizes
    inner join charts
        on phase_sizes.chart_id = charts.chart_id

),

-- Subgroups of different size have an estimate of sigma each, weighted by its precision; with one size this is
-- Rbar / d2 or sbar / c4 to the letter.
baseline_points as (

    select
        phase_methods.stream_id,
        phase_methods.phase,
        phase_methods.sigma_method,
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
        sum(sample_size) as units,
        sum(counted) as counted,
        avg(value) as mean_value,
        sum(sample_size * value) / nullif(sum(sample_size), 0) as weighted_mean_value,
        {{ median('value') }} as median_value,
        avg(moving_range) as mean_moving_range,
        sum(case when subgroup_sigma is not null then subgroup_weight * subgroup_sigma end)
        / nullif(sum(case when subgroup_sigma is not null then subgroup_weight end), 0) as within_sigma
    from baseline_points
    group by stream_id, phase

)

select
    phase_methods.stream_id,
    phase_methods.phase,
    phase_methods.chart_id,
    phase_methods.stream,
    phase_methods.kind,
    phase_methods.requested_chart_type,
    phase_methods.sigma_method,
    phase_methods.k,
    phase_methods.minimum_baseline_points,
    phase_methods.phase_starts_at,
    phase_methods.phase_ends_at,
    phase_methods.points,
    phase_methods.smallest_sample,
    phase_methods.largest_sample,
    phase_methods.frozen_centre_line is not null as is_frozen_by_decision,
    coalesce(baseline_figures.baseline_points, 0) as baseline_points,
    baseline_figures.baseline_starts_at,
    baseline_figures.baseline_ends_at,
    coalesce(phase_methods.frozen_centre_line, case phase_methods.sigma_method
        when 'binomial' then {{ ratio('baseline_figures.counted', 'baseline_figures.units') }}
        when 'poisson' then {{ ratio('baseline_figures.counted', 'baseline_figures.units') }}
        when 'range' then baseline_figures.weighted_mean_value
        when 'deviation' then baseline_figures.weighted_mean_value
        else baseline_figures.mean_value
    end) as level,
    coalesce(phase_methods.frozen_centre_line, baseline_figures.median_value) as median_value,
    phase_methods.frozen_sigma,
    case phase_methods.sigma_method
        when 'moving_range' then baseline_figures.mean_moving_range / {{ moving_range_d2() }}
        else baseline_figures.within_sigma
    end as within_sigma
from phase_methods
left join baseline_figures
    on
        phase_methods.stream_id = baseline_figures.stream_id
        and phase_methods.phase = baseline_figures.phase
