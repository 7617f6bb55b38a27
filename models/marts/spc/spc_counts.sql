with inspection_counts as (

    select * from {{ ref('spc_inspection_counts') }}

),

attribute_samples as (

    select * from {{ ref('ods_attribute_samples') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

named_streams as (

    select distinct
        source,
        stream
    from charts
    where stream is not null

),

sample_counts as (

    select
        charts.chart_id,
        charts.source,
        charts.stream as chart_stream,
        charts.chart_type,
        charts.subgroup,
        charts.subgroup_size,
        attribute_samples.stream as item,
        cast(null as {{ dbt.type_string() }}) as line_id,
        cast(null as {{ dbt.type_string() }}) as sku_id,
        attribute_samples.stream,
        attribute_samples.sampled_at as occurred_at,
        attribute_samples.sample_id as row_id,
        {{ period_of('attribute_samples.sampled_at', 'charts.subgroup') }} as period_key,
        attribute_samples.sample_size,
        attribute_samples.defectives,
        attribute_samples.defects
    from attribute_samples
    cross join charts
    where
        charts.is_enabled
        and charts.source = 'attribute_sample'
        and attribute_samples.sample_size > 0

),

-- Rows that count nothing are no rows of the chart; an inspection without a lot is none of a chart by lot.
named_counts as (

    select
        chart_id,
        source,
        chart_stream,
        chart_type,
        subgroup,
        subgroup_size,
        item,
        line_id,
        sku_id,
        {{ stream_name(['line_id', 'station_id', 'sku_id', 'shift', 'supplier_id', 'item']) }} as stream,
        occurred_at,
        row_id,
        period_key,
        cast(1 as {{ type_double() }}) as sample_size,
        defectives,
        defects
    from inspection_counts
    where is_counted and (subgroup in ('as_delivered', 'count') or period_key is not null)
    union all
    select
        chart_id,
        source,
        chart_stream,
        chart_type,
        subgroup,
        subgroup_size,
        item,
        line_id,
        sku_id,
        stream,
        occurred_at,
        row_id,
        period_key,
        sample_size,
        defectives,
        defects
    from sample_counts

),

charted_counts as (

    {{ charted_rows('named_counts', 'named_streams') }}

),

-- A stream counts either defective units or defects; where both are delivered the chart type decides.
counts_of_one_kind as (

    select
        *,
        case
            when chart_type in ('c', 'u', 'u_prime') then 'defects'
            when chart_type in ('p', 'np', 'p_prime') then 'defectives'
            when count(defectives) over (partition by chart_id, stream) > 0 then 'defectives'
            else 'defects'
        end as kind
    from charted_counts

)

select
    concat(chart_id, '/', stream) as stream_id,
    chart_id,
    source,
    stream,
    chart_type,
    line_id,
    sku_id,
    item,
    subgroup,
    subgroup_size,
    period_key,
    occurred_at,
    row_id,
    kind,
    sample_size,
    case kind when 'defectives' then defectives else defects end as counted
from counts_of_one_kind
