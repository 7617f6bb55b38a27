with baselines as (

    select * from {{ ref('spc_baselines') }}

),

subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

settings as (

    {{ threshold_columns(['overdispersion_significance']) }}

),

settings_with_quantile as (

    select
        1 - overdispersion_significance as confidence
    from settings

),

significance as (

    select
        {{ inverse_normal('confidence') }} as z
    from settings_with_quantile

),

-- sigma is that of one unit: a point of n units has sigma / sqrt(n), whatever is counted or measured.
plain_limits as (

    select
        *,
        coalesce(frozen_sigma, case sigma_method
            when 'binomial' then sqrt({{ at_least('level * (1 - level)', '0.0') }})
            when 'poisson' then sqrt({{ at_least('level', '0.0') }})
            when 'geometric' then sqrt({{ at_least('level * (level + 1)', '0.0') }})
            else within_sigma
        end) as plain_sigma
    from baselines

),

standardised as (

    select
        subgroups.stream_id,
        subgroups.phase,
        subgroups.phase_point,
        subgroups.is_baseline,
        subgroups.is_baseline_range,
        plain_limits.k,
        (subgroups.value - plain_limits.level) * sqrt(subgroups.sample_size)
        / nullif(plain_limits.plain_sigma, 0) as z
    from subgroups
    inner join plain_limits
        on
            subgroups.stream_id = plain_limits.stream_id
            and subgroups.phase = plain_limits.phase
    where
        subgroups.value is not null
        and plain_limits.sigma_method in ('binomial', 'poisson')

),

standardised_steps as (

    select
        *,
        abs(z - lag(z) over (partition by stream_id, phase order by phase_point)) as z_step
    from standardised

),

-- The test of overdispersion reads the points inside the limits only: a few with a cause must not change the chart.
dispersion as (

    select
        stream_id,
        phase,
        sum(case when abs(z) <= k then z * z end) as dispersion,
        sum(case when abs(z) <= k then 1 else 0 end) - 1 as dispersion_degrees,
        avg(case when is_baseline_range then z_step end) / {{ moving_range_d2() }} as sigma_z
    from standardised_steps
    where is_baseline
    group by stream_id, phase

),

tested as (

    select
        plain_limits.*,
        dispersion.dispersion,
        dispersion.dispersion_degrees,
        dispersion.sigma_z,
        {{ chi_squared_quantile('dispersion.dispersion_degrees', 'significance.z') }} as dispersion_limit
    from plain_limits
    left join dispersion
        on
            plain_limits.stream_id = dispersion.stream_id
            and plain_limits.phase = dispersion.phase
    cross join significance

),

charted as (

    select
        *,
        coalesce(dispersion > dispersion_limit and sigma_z > 0 and frozen_sigma is null, false) as is_overdispersed,
        case
            when requested_chart_type <> 'auto' then requested_chart_type
            when sigma_method = 'moving_range' then 'i_mr'
            when sigma_method = 'range' then 'xbar_r'
            when sigma_method = 'deviation' then 'xbar_s'
            when sigma_method = 'binomial' and dispersion > dispersion_limit and sigma_z > 0 then 'p_prime'
            when sigma_method = 'binomial' then 'p'
            when sigma_method = 'poisson' and dispersion > dispersion_limit and sigma_z > 0 then 'u_prime'
            when smallest_sample = largest_sample then 'c'
            else 'u'
        end as chart_type
    from tested

),

with_sigma as (

    select
        *,
        case
            when chart_type in ('p_prime', 'u_prime') and frozen_sigma is null then plain_sigma * sigma_z
            else plain_sigma
        end as sigma
    from charted

),

reasoned as (

    select
        *,
        case
            when not {{ chart_fits_kind('chart_type', 'kind') }} then 'the chart type does not fit the data'
            when level is null then 'no baseline point'
            when chart_type in ('np', 'c') and smallest_sample <> largest_sample then 'the sample size varies'
            when sigma is null and sigma_method = 'range' and largest_sample > 25
                then 'no range constants beyond 25 values'
            when sigma is null and sigma_method in ('range', 'deviation') then 'no baseline subgroup of two values'
            when sigma is null then 'no two baseline points in a row'
            when sigma <= 0 then 'no spread in the baseline'
        end as limit_reason
    from with_sigma

),

baseline_hits as (

    select
        subgroups.stream_id,
        subgroups.phase,
        sum(case
            when
                abs(subgroups.value - reasoned.level)
                > reasoned.k * reasoned.sigma
                / sqrt({{ point_weight('reasoned.sigma_method', 'subgroups.sample_size') }})
                then 1
            else 0
        end) as baseline_points_beyond
    from subgroups
    inner join reasoned
        on
            subgroups.stream_id = reasoned.stream_id
            and subgroups.phase = reasoned.phase
    where subgroups.is_baseline and reasoned.limit_reason is null
    group by subgroups.stream_id, subgroups.phase

)

select
    reasoned.stream_id,
    reasoned.phase,
    reasoned.chart_id,
    reasoned.stream,
    reasoned.chart_type,
    reasoned.requested_chart_type,
    reasoned.kind,
    reasoned.sigma_method,
    reasoned.k,
    reasoned.phase_starts_at,
    reasoned.phase_ends_at,
    reasoned.points,
    case
        when reasoned.is_frozen_by_decision then 'decided'
        when reasoned.baseline_ends_at < reasoned.phase_ends_at then 'complete'
        else 'growing'
    end as baseline_state,
    reasoned.baseline_points,
    reasoned.baseline_starts_at,
    reasoned.baseline_ends_at,
    case when reasoned.limit_reason is null then reasoned.level end as level,
    case
        when reasoned.limit_reason is not null then null
        when reasoned.chart_type = 'g' then reasoned.median_value
        else reasoned.level
    end as centre_line,
    case when reasoned.limit_reason is null then reasoned.sigma end as sigma,
    reasoned.limit_reason,
    reasoned.level as baseline_mean,
    reasoned.dispersion,
    reasoned.dispersion_degrees,
    reasoned.dispersion_limit,
    reasoned.is_overdispersed,
    reasoned.sigma_z,
    reasoned.smallest_sample,
    reasoned.largest_sample,
    case
        when reasoned.sigma_method in ('binomial', 'poisson') and reasoned.limit_reason is null
            then power(reasoned.k * reasoned.sigma / nullif(reasoned.level, 0), 2)
    end as sample_size_for_lower_limit,
    coalesce(
        reasoned.sigma_method in ('binomial', 'poisson') and reasoned.limit_reason is null
        and reasoned.largest_sample <= power(reasoned.k * reasoned.sigma / nullif(reasoned.level, 0), 2),
        false
    ) as is_lower_limit_unreachable,
    not reasoned.is_frozen_by_decision
    and reasoned.baseline_points < reasoned.minimum_baseline_points as is_baseline_short,
    coalesce(baseline_hits.baseline_points_beyond, 0) as baseline_points_beyond,
    coalesce(baseline_hits.baseline_points_beyond, 0) > 0 as is_baseline_unstable
from reasoned
left join baseline_hits
    on
        reasoned.stream_id = baseline_hits.stream_id
        and reasoned.phase = baseline_hits.phase
