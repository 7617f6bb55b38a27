with baselines as (

    select * from {{ ref('spc_baselines') }}

),

dispersion as (

    select * from {{ ref('spc_dispersion') }}

),

-- Other limits than the plain ones only where the points spread more than chance allows, and from one to the next too:
-- a stream that drifts slowly is not served by limits that its small steps would make narrower still.
tested as (

    select
        baselines.*,
        dispersion.dispersion,
        dispersion.dispersion_degrees,
        dispersion.dispersion_limit,
        dispersion.sigma_z,
        coalesce(
            dispersion.dispersion > dispersion.dispersion_limit
            and dispersion.sigma_z > 1
            and not baselines.is_sigma_decided,
            false
        ) as is_overdispersed
    from baselines
    left join dispersion
        on
            baselines.stream_id = dispersion.stream_id
            and baselines.phase = dispersion.phase

),

charted as (

    select
        *,
        case
            when requested_chart_type <> 'auto' then requested_chart_type
            when sigma_method = 'moving_range' then 'i_mr'
            when sigma_method = 'range' then 'xbar_r'
            when sigma_method = 'deviation' then 'xbar_s'
            when sigma_method = 'binomial' and is_overdispersed then 'p_prime'
            when sigma_method = 'binomial' then 'p'
            when sigma_method = 'poisson' and is_overdispersed then 'u_prime'
            when smallest_sample = largest_sample then 'c'
            else 'u'
        end as chart_type
    from tested

),

with_chart_sigma as (

    select
        *,
        case
            when chart_type in ('p_prime', 'u_prime') and not is_sigma_decided then plain_sigma * sigma_z
            else plain_sigma
        end as sigma
    from charted

)

select
    stream_id,
    phase,
    chart_id,
    stream,
    chart_type,
    requested_chart_type,
    kind,
    sigma_method,
    k,
    minimum_baseline_points,
    phase_starts_at,
    phase_ends_at,
    points,
    is_baseline_complete,
    smallest_sample,
    largest_sample,
    largest_deciding_sample,
    is_level_decided,
    baseline_points,
    baseline_starts_at,
    baseline_ends_at,
    level,
    median_value,
    dispersion,
    dispersion_degrees,
    dispersion_limit,
    sigma_z,
    is_overdispersed,
    case
        when not {{ chart_fits_kind('chart_type', 'kind') }} then 'the chart type does not fit the data'
        when level is null then 'no baseline point'
        when chart_type in ('np', 'c') and smallest_deciding_sample <> largest_deciding_sample
            then 'the sample size varies'
        when sigma is null and is_level_decided then 'no sigma was decided upon'
        when sigma is null and sigma_method = 'range' and largest_deciding_sample > 25
            then 'no range constants beyond 25 values'
        when sigma is null and sigma_method in ('range', 'deviation') then 'no baseline subgroup of two values'
        when sigma <= 0 or (sigma is null and plain_sigma <= 0) then 'no spread in the baseline'
        when sigma is null then 'no two baseline points in a row'
    end as limit_reason,
    sigma
from with_chart_sigma
