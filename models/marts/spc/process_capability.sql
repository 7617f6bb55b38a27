with spreads as (

    select * from {{ ref('process_spreads') }}

),

stability as (

    select * from {{ ref('process_stability') }}

),

limits as (

    select * from {{ ref('spc_limits') }}

),

streams as (

    select * from {{ ref('spc_streams') }}

),

settings as (

    {{ threshold_columns(['capability_minimum_values']) }}

),

figures as (

    select
        spreads.*,
        streams.stream,
        streams.unit,
        streams.lower_spec,
        streams.target,
        streams.upper_spec,
        limits.limit_reason,
        coalesce(stability.signal_points, 0) as signal_points,
        stability.expected_signal_points,
        coalesce(stability.is_stable, false) as is_stable,
        spreads.measured_values < settings.capability_minimum_values as has_too_few_values
    from spreads
    inner join streams
        on spreads.stream_id = streams.stream_id
    inner join limits
        on
            spreads.stream_id = limits.stream_id
            and spreads.phase = limits.phase
    left join stability
        on
            spreads.stream_id = stability.stream_id
            and spreads.phase = stability.phase
    cross join settings
    where streams.lower_spec is not null or streams.upper_spec is not null

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
        -- The nearer limit: off the middle the other side is no room to spend (Chan, Cheng and Spiring 1988).
        {{ smaller_known('upper_spec - target', 'target - lower_spec') }}
        / nullif(3 * sqrt(power(overall_sigma, 2) + power(mean_value - target, 2)), 0) as cpm,
        power((mean_value - target) / nullif(overall_sigma, 0), 2) as squared_bias
    from figures

),

worse_sides as (

    select
        *,
        {{ smaller_known('cpu', 'cpl') }} as cpk,
        {{ smaller_known('ppu', 'ppl') }} as ppk,
        -- Boyles (1991)
        measured_values * power(1 + squared_bias, 2) / (1 + 2 * squared_bias) as cpm_degrees
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
    within_degrees,
    overall_sigma,
    cp,
    {{ capability_bound('cp', 'within_degrees', '-') }} as cp_low,
    {{ capability_bound('cp', 'within_degrees', '+') }} as cp_high,
    cpu,
    cpl,
    cpk,
    {{ capability_index_bound('cpk', 'measured_values', 'within_degrees', '-') }} as cpk_low,
    {{ capability_index_bound('cpk', 'measured_values', 'within_degrees', '+') }} as cpk_high,
    pp,
    {{ capability_bound('pp', 'overall_degrees', '-') }} as pp_low,
    {{ capability_bound('pp', 'overall_degrees', '+') }} as pp_high,
    ppu,
    ppl,
    ppk,
    {{ capability_index_bound('ppk', 'measured_values', 'overall_degrees', '-') }} as ppk_low,
    {{ capability_index_bound('ppk', 'measured_values', 'overall_degrees', '+') }} as ppk_high,
    cpm,
    {{ capability_bound('cpm', 'cpm_degrees', '-') }} as cpm_low,
    {{ capability_bound('cpm', 'cpm_degrees', '+') }} as cpm_high,
    signal_points,
    expected_signal_points,
    is_stable,
    has_too_few_values,
    case
        when limit_reason is null and within_sigma is null and overall_sigma > 0 and sigma_method = 'moving_range'
            then 'an individuals chart of means shows no spread of single values'
        when within_sigma is null or overall_sigma is null
            then coalesce(limit_reason, 'too few values for a standard deviation')
        when within_sigma = 0 or overall_sigma = 0 then coalesce(limit_reason, 'all values are equal')
    end as capability_reason
from worse_sides
