-- A chart that cannot be what its row says would be drawn wrong or not at all; each row here is one to mend.
{%- set dimensions = ['line_id', 'station_id', 'sku_id', 'shift', 'supplier_id'] %}
{%- set unknown = namespace(text="concat(' ', replace(coalesce(split_by, ''), ' ', '  '), ' ')") %}
{%- for dimension in dimensions %}
{%- set unknown.text = "replace(" ~ unknown.text ~ ", ' " ~ dimension ~ " ', '')" %}
{%- endfor %}

with charts as (

    select
        *,
        source in ('characteristic', 'sensor') as is_measured,
        source in ('characteristic', 'sensor', 'attribute_sample') as has_no_lot,
        trim({{ unknown.text }}) as unknown_dimensions
    from {{ ref('spc_charts') }}

),

problems as (

    select
        chart_id,
        case
            when k <= 0 then 'k must be above 0'
            when subgroup = 'count' and coalesce(subgroup_size, 0) < 1 then 'the subgroup count needs a subgroup_size'
            when subgroup = 'lot' and has_no_lot then 'this source knows no lots'
            when unknown_dimensions <> '' then 'split_by names an unknown dimension'
            when is_measured and chart_type not in ('auto', 'i_mr', 'xbar_r', 'xbar_s', 'ewma', 'cusum')
                then 'the chart type is none of measured values'
            when not is_measured and chart_type in ('xbar_r', 'xbar_s') then 'the chart type is one of measured values'
            when chart_type = 'ewma' and coalesce(smoothing > 0 and smoothing <= 1, false) = false
                then 'an EWMA needs a smoothing above 0 and up to 1'
            when
                chart_type = 'cusum'
                and coalesce(cusum_allowance > 0 and cusum_decision > 0, false) = false
                then 'a CUSUM needs an allowance and a decision interval above 0'
            when baseline_points < 1 then 'baseline_points must be 1 or more, or blank'
        end as problem
    from charts
    where is_enabled

)

select
    chart_id,
    problem
from problems
where problem is not null
