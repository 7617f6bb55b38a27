with subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

limits as (

    select * from {{ ref('spc_limits') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

time_weighted_subgroups as (

    select
        subgroups.stream_id,
        subgroups.phase,
        subgroups.point_number,
        subgroups.phase_point,
        subgroups.value,
        limits.chart_type,
        limits.k,
        limits.level,
        limits.baseline_mean,
        limits.limit_reason,
        charts.smoothing,
        charts.cusum_allowance as allowance,
        charts.cusum_decision as decision,
        {{ point_sigma('limits.sigma', 'limits.sigma_method', 'subgroups.sample_size') }} as point_sigma
    from subgroups
    inner join limits
        on
            subgroups.stream_id = limits.stream_id
            and subgroups.phase = limits.phase
    inner join charts
        on limits.chart_id = charts.chart_id
    where
        limits.chart_type in ('ewma', 'cusum')
        and subgroups.value is not null

),

ewma_input as (

    select
        *,
        value - baseline_mean as deviation
    from time_weighted_subgroups
    where chart_type = 'ewma' and baseline_mean is not null

),

cusum_input as (

    select
        *,
        (value - level) / point_sigma as z
    from time_weighted_subgroups
    where chart_type = 'cusum' and limit_reason is null

),

{{ ewma_of('ewma_input') }},

{{ cusum_of('cusum_input') }},

cusum_sides as (

    select
        stream_id,
        phase,
        point_number,
        phase_point,
        'cusum_high' as statistic,
        k,
        decision,
        cusum_high as cusum
    from cusum_points
    union all
    select
        stream_id,
        phase,
        point_number,
        phase_point,
        'cusum_low' as statistic,
        k,
        decision,
        cusum_low as cusum
    from cusum_points

)

select
    stream_id,
    phase,
    point_number,
    phase_point,
    'ewma' as statistic,
    k,
    baseline_mean + ewma as value,
    level as centre_line,
    ewma_sigma as sigma,
    level - k * ewma_sigma as lcl,
    level + k * ewma_sigma as ucl,
    ewma / ewma_sigma as standardised_value,
    limit_reason
from ewma_points
union all
select
    stream_id,
    phase,
    point_number,
    phase_point,
    statistic,
    k,
    cusum as value,
    cast(0 as {{ type_double() }}) as centre_line,
    cast(null as {{ type_double() }}) as sigma,
    cast(null as {{ type_double() }}) as lcl,
    decision as ucl,
    k * cusum / decision as standardised_value,
    cast(null as {{ dbt.type_string() }}) as limit_reason
from cusum_sides
union all
select
    stream_id,
    phase,
    point_number,
    phase_point,
    'cusum_high' as statistic,
    k,
    cast(null as {{ type_double() }}) as value,
    cast(null as {{ type_double() }}) as centre_line,
    cast(null as {{ type_double() }}) as sigma,
    cast(null as {{ type_double() }}) as lcl,
    cast(null as {{ type_double() }}) as ucl,
    cast(null as {{ type_double() }}) as standardised_value,
    limit_reason
from time_weighted_subgroups
where chart_type = 'cusum' and limit_reason is not null
