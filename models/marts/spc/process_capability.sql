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

signals as (

    select * from {{ ref('spc_signals') }}

),

budget as (

    select * from {{ ref('spc_false_alarm_budget') }}

),

settings as (

    {{ threshold_columns(['capability_minimum_values']) }}

),

capable_phases as (

    select
        limits.stream_id,
        limits.phase,
        limits.chart_id,
        limits.stream,
        limits.sigma_method,
        limits.limit_reason,
        streams.lower_spec,
        streams.target,
        streams.upper_spec,
        streams.unit
    from limits
    inner join streams
        on limits.stream_id = streams.stream_id
    where
        streams.source = 'characteristic'
        and limits.chart_type in ('i_mr', 'xbar_r', 'xbar_s')
        and (streams.lower_spec is not null or streams.upper_spec is not null)

),

counted_subgroups as (

    select
        subgroups.*,
        lag(subgroups.exclusion_reason) over (
            partition by subgroups.stream_id, subgroups.phase
            order by subgroups.point_number
        ) as previous_exclusion_reason
    from subgroups

),

values_counted as (

    select
        capable_phases.stream_id,
        capable_phases.phase,
        subgroups.sample_size,
        subgroups.value,
        subgroups.subgroup_deviation,
        case when subgroups.previous_exclusion_reason is null then subgroups.moving_range end as moving_range,
        case capable_phases.sigma_method
            when 'range' then subgroups.subgroup_range / constants.d2
            when 'deviation' then subgroups.subgroup_deviation / {{ c4('subgroups.sample_size', 'constants.c4') }}
        end as subgroup_sigma,
        case capable_phases.sigma_method
            when 'range' then constants.d2 * constants.d2 / (constants.d3 * constants.d3)
            when 'deviation' then {{ c4_precision('subgroups.sample_size', 'constants.c4') }}
        end as subgroup_weight
    from capable_phases
    inner join counted_subgroups as subgroups
        on
            capable_phases.stream_id = subgroups.stream_id
            and capable_phases.phase = subgroups.phase
    left join constants
        on subgroups.sample_size = constants.sample_size
    where
        subgroups.value is not null
        and subgroups.exclusion_reason is null

),

phase_means as (

    select
        stream_id,
        phase,
        sum(sample_size) as measured_values,
        count(*) as points,
        sum(sample_size * value) / sum(sample_size) as mean_value,
        sum(sample_size - 1) as degrees_within_subgroups,
        avg(moving_range) as mean_moving_range,
        sum(case when subgroup_sigma is not null then subgroup_weight * subgroup_sigma end)
        / nullif(sum(case when subgroup_sigma is not null then subgroup_weight end), 0) as pooled_sigma
    from values_counted
    group by stream_id, phase

),

-- The spread of all values, put together from subgroups: within them and between their means.
phase_squares as (

    select
        values_counted.stream_id,
        values_counted.phase,
        sum(
            (values_counted.sample_size - 1) * coalesce(power(values_counted.subgroup_deviation, 2), 0)
            + values_counted.sample_size * power(values_counted.value - phase_means.mean_value, 2)
        ) as sum_of_squares
    from values_counted
    inner join phase_means
        on
            values_counted.stream_id = phase_means.stream_id
            and values_counted.phase = phase_means.phase
    group by values_counted.stream_id, values_counted.phase

),

signal_points as (

    select
        stream_id,
        phase,
        count(distinct point_number) as signal_points
    from signals
    where exclusion_reason is null
    group by stream_id, phase

),

alarm_rates as (

    select
        chart_id,
        sum(false_alarm_rate) as false_alarm_rate
    from budget
    group by chart_id

),

figures as (

    select
        capable_phases.*,
        phase_means.measured_values,
        phase_means.points,
        phase_means.mean_value,
        case capable_phases.sigma_method
            when 'moving_range' then phase_means.mean_moving_range / {{ moving_range_d2() }}
            else phase_means.pooled_sigma
        end as within_sigma,
        case
            when phase_means.measured_values > 1
                then sqrt(phase_squares.sum_of_squares / (phase_means.measured_values - 1))
        end as overall_sigma,
        case capable_phases.sigma_method
            when 'moving_range' then 0.62 * (phase_means.points - 1)
            when 'range' then 0.9 * phase_means.degrees_within_subgroups
            else 1.0 * phase_means.degrees_within_subgroups
        end as within_degrees,
        phase_means.measured_values - 1 as overall_degrees,
        coalesce(signal_points.signal_points, 0) as signal_points,
        phase_means.points * alarm_rates.false_alarm_rate as expected_signal_points,
        settings.capability_minimum_values
    from capable_phases
    inner join phase_means
        on
            capable_phases.stream_id = phase_means.stream_id
            and capable_phases.phase = phase_means.phase
    inner join phase_squares
        on
            capable_phases.stream_id = phase_squares.stream_id
            and capable_phases.phase = phase_squares.phase
    left join signal_points
        on
            capable_phases.stream_id = signal_points.stream_id
            and capable_phases.phase = signal_points.phase
    left join alarm_rates
        on capable_phases.chart_id = alarm_rates.chart_id
    cross join settings

),

indices as (

    select
        *,
        (upper_spec - lower_spec) / nullif(6 * within_sigma, 0) as cp,
        (upper_spec - mean_value) / nullif(3 * within_sigma, 0) as cpu,
        (mean_value - lower_spec) / nullif(3 * within_sigma, 0) as cpl,
        (upper_spec - lower_spec) / nullif(6 * overall_sigma, 0) as pp,
        (upper_spec - mean_value) / nullif(3 * overall_sigma, 0) as ppu,
        (mean_value - lower_spec) / nullif(3 * overall_sigma, 0) as ppl,
        (upper_spec - lower_spec)
        / nullif(6 * sqrt(power(overall_sigma, 2) + power(mean_value - target, 2)), 0) as cpm
    from figures

),

worse_sides as (

    select
        *,
        case when cpu is null or cpl < cpu then cpl else cpu end as cpk,
        case when ppu is null or ppl < ppu then ppl else ppu end as ppk
    from indices

)

select
    stream_id,
    phase,
    chart_id,
    stream,
    unit,
    lower_spec,
    target,
    upper_spec,
    points,
    measured_values,
    mean_value,
    within_sigma,
    overall_sigma,
    cp,
    {{ capability_bound('cp', 'within_degrees', '-1.959964') }} as cp_low,
    {{ capability_bound('cp', 'within_degrees', '1.959964') }} as cp_high,
    cpu,
    cpl,
    cpk,
    {{ capability_index_bound('cpk', 'measured_values', 'within_degrees', '-') }} as cpk_low,
    {{ capability_index_bound('cpk', 'measured_values', 'within_degrees', '+') }} as cpk_high,
    pp,
    {{ capability_bound('pp', 'overall_degrees', '-1.959964') }} as pp_low,
    {{ capability_bound('pp', 'overall_degrees', '1.959964') }} as pp_high,
    ppu,
    ppl,
    ppk,
    {{ capability_index_bound('ppk', 'measured_values', 'overall_degrees', '-') }} as ppk_low,
    {{ capability_index_bound('ppk', 'measured_values', 'overall_degrees', '+') }} as ppk_high,
    cpm,
    signal_points,
    expected_signal_points,
    coalesce(signal_points <= expected_signal_points + 3 * sqrt(expected_signal_points), false) as is_stable,
    measured_values < capability_minimum_values as has_too_few_values,
    case
        when limit_reason is not null then limit_reason
        when within_sigma is null or overall_sigma is null then 'too few values for a standard deviation'
        when within_sigma = 0 or overall_sigma = 0 then 'all values are equal'
    end as capability_reason
from worse_sides
