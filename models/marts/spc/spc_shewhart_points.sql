{#- A chart of counts is read as one of a single sample size: a sample of another has no limits on it. -#}
{%- set fits_chart = 'coalesce(subgroups.sample_size = limits.required_sample_size, true)' -%}

with subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

limits as (

    select * from {{ ref('spc_limits') }}

),

constants as (

    select * from {{ ref('spc_constants') }}

),

points as (

    select
        subgroups.stream_id,
        subgroups.phase,
        subgroups.point_number,
        subgroups.phase_point,
        subgroups.sample_size,
        subgroups.value,
        subgroups.subgroup_range,
        subgroups.subgroup_deviation,
        subgroups.moving_range,
        limits.chart_type,
        limits.sigma_method,
        limits.k,
        limits.level,
        case when {{ fits_chart }} then limits.centre_line end as centre_line,
        limits.sigma as unit_sigma,
        case
            when {{ fits_chart }}
                then {{ point_sigma('limits.sigma', 'limits.sigma_method', 'subgroups.sample_size') }}
        end as point_sigma,
        case
            when limits.limit_reason is not null then limits.limit_reason
            when not {{ fits_chart }} then 'not the sample size of the chart'
        end as limit_reason,
        constants.d2,
        constants.d3,
        {{ c4('subgroups.sample_size', 'constants.c4') }} as c4
    from subgroups
    inner join limits
        on
            subgroups.stream_id = limits.stream_id
            and subgroups.phase = limits.phase
    left join constants
        on subgroups.sample_size = constants.sample_size
    where limits.chart_type not in ('ewma', 'cusum')

),

main_points as (

    select
        stream_id,
        phase,
        point_number,
        phase_point,
        case chart_type
            when 'i_mr' then 'x'
            when 'xbar_r' then 'xbar'
            when 'xbar_s' then 'xbar'
            else chart_type
        end as statistic,
        k,
        {{ shown_value('value', 'chart_type', 'sigma_method', 'sample_size') }} as value,
        {{ shown_value('centre_line', 'chart_type', 'sigma_method', 'sample_size') }} as centre_line,
        case
            when chart_type in ('np', 'c') then point_sigma * sample_size
            when chart_type <> 't' then point_sigma
        end as sigma,
        {{ shown_value('(level - k * point_sigma)', 'chart_type', 'sigma_method', 'sample_size', side=-1) }} as lcl,
        {{ shown_value('(level + k * point_sigma)', 'chart_type', 'sigma_method', 'sample_size', side=1) }} as ucl,
        (value - level) / point_sigma as standardised_value,
        limit_reason
    from points

),

-- Spread charts: what a subgroup of this size, or a step from point to point, should spread by.
spread_values as (

    select
        *,
        case chart_type
            when 'i_mr' then 'mr'
            when 'xbar_r' then 'r'
            when 'xbar_s' then 's'
        end as statistic,
        case chart_type
            when 'i_mr' then moving_range
            when 'xbar_r' then subgroup_range
            when 'xbar_s' then subgroup_deviation
        end as spread_value,
        unit_sigma * case chart_type
            when 'i_mr' then {{ moving_range_d2() }}
            when 'xbar_r' then d2
            when 'xbar_s' then c4
        end as spread_level,
        unit_sigma * case chart_type
            when 'i_mr' then cast({{ moving_range_d2() }} * ({{ moving_range_d4() }} - 1) as {{ type_double() }}) / 3
            when 'xbar_r' then d3
            when 'xbar_s' then sqrt(1 - c4 * c4)
        end as spread_sigma
    from points
    where
        (chart_type = 'i_mr' and moving_range is not null)
        or (chart_type in ('xbar_r', 'xbar_s') and sample_size > 1)

),

spread_points as (

    select
        stream_id,
        phase,
        point_number,
        phase_point,
        statistic,
        k,
        spread_value as value,
        spread_level as centre_line,
        spread_sigma as sigma,
        {{ at_least('(spread_level - k * spread_sigma)', '0.0') }} as lcl,
        spread_level + k * spread_sigma as ucl,
        (spread_value - spread_level) / spread_sigma as standardised_value,
        case
            when limit_reason is not null then limit_reason
            when spread_sigma is null then 'no constants for this subgroup size'
        end as limit_reason
    from spread_values

)

select * from main_points
union all
select * from spread_points
