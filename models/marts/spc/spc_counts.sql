with charts as (

    select * from {{ ref('spc_charts') }}

),

inspections as (

    select * from {{ ref('inspections') }}

),

attribute_samples as (

    select * from {{ ref('ods_attribute_samples') }}

),

defect_categories as (

    select * from {{ ref('defect_categories') }}

),

named_streams as (

    select distinct
        source,
        stream
    from charts
    where stream is not null

),

-- A category chart has a stream for each defect category.
charted_items as (

    select
        charts.*,
        defect_categories.category as item
    from charts
    left join defect_categories
        on charts.source = 'category_rate' and defect_categories.is_defect
    where charts.is_enabled

),

-- What people said, as far as they said anything: a model is compared with people, never with itself.
inspections_with_human_category as (

    select
        *,
        coalesce(reviewed_category, raw_category) as human_category
    from inspections

),

inspection_counts as (

    select
        charted_items.chart_id,
        charted_items.source,
        charted_items.stream as chart_stream,
        charted_items.subgroup,
        charted_items.subgroup_size,
        charted_items.item,
        {{ split_dimension('inspections.line_id', 'charted_items.split_by', 'line_id') }} as line_id,
        {{ split_dimension('inspections.station_id', 'charted_items.split_by', 'station_id') }} as station_id,
        {{ split_dimension('inspections.sku_id', 'charted_items.split_by', 'sku_id') }} as sku_id,
        {{ split_dimension('inspections.shift', 'charted_items.split_by', 'shift') }} as shift,
        {{ split_dimension('inspections.supplier_id', 'charted_items.split_by', 'supplier_id') }} as supplier_id,
        inspections.inspect_time as occurred_at,
        inspections.inspection_id as row_id,
        case charted_items.subgroup
            when 'hour' then cast(inspections.plant_hour as {{ dbt.type_string() }})
            when 'day' then cast(inspections.local_day as {{ dbt.type_string() }})
            when 'lot' then inspections.supplier_lot_id
            when 'shift'
                then concat(
                    cast({{ production_day('inspections.inspect_time') }} as {{ dbt.type_string() }}),
                    ' ', coalesce(inspections.shift, '(none)')
                )
        end as period_key,
        case charted_items.source
            when 'extracted_defects' then case when inspections.ai_defect_count is not null then 1 else 0 end
            when 'aoi_false_call_rate'
                then case
                    when inspections.aoi_verdict = 'suspect' and inspections.human_category is not null then 1
                    else 0
                end
            when 'ai_disagreement_rate'
                then case
                    when inspections.ai_category is not null and inspections.human_category is not null then 1
                    else 0
                end
            else case when inspections.is_judged then 1 else 0 end
        end as sample_size,
        case charted_items.source
            when 'defect_rate' then case when inspections.is_defect then 1 else 0 end
            when 'critical_defect_rate'
                then case when inspections.is_defect and inspections.severity = 'Critical' then 1 else 0 end
            when 'category_rate' then case when inspections.category = charted_items.item then 1 else 0 end
            when 'aoi_false_call_rate' then case when inspections.human_category = 'No Defect' then 1 else 0 end
            when 'ai_disagreement_rate'
                then case when inspections.ai_category <> inspections.human_category then 1 else 0 end
        end as defectives,
        case when charted_items.source = 'extracted_defects' then inspections.ai_defect_count end as defects
    from inspections_with_human_category as inspections
    cross join charted_items
    where
        charted_items.source in (
            'defect_rate',
            'critical_defect_rate',
            'category_rate',
            'extracted_defects',
            'aoi_false_call_rate',
            'ai_disagreement_rate'
        )

),

sample_counts as (

    select
        charted_items.chart_id,
        charted_items.source,
        charted_items.stream as chart_stream,
        charted_items.subgroup,
        charted_items.subgroup_size,
        attribute_samples.stream as item,
        cast(null as {{ dbt.type_string() }}) as line_id,
        cast(null as {{ dbt.type_string() }}) as station_id,
        cast(null as {{ dbt.type_string() }}) as sku_id,
        cast(null as {{ dbt.type_string() }}) as shift,
        cast(null as {{ dbt.type_string() }}) as supplier_id,
        attribute_samples.sampled_at as occurred_at,
        attribute_samples.sample_id as row_id,
        case charted_items.subgroup
            when 'hour' then cast({{ plant_hour_start('attribute_samples.sampled_at') }} as {{ dbt.type_string() }})
            when 'day' then cast({{ plant_day('attribute_samples.sampled_at') }} as {{ dbt.type_string() }})
        end as period_key,
        attribute_samples.sample_size,
        attribute_samples.defectives,
        attribute_samples.defects
    from attribute_samples
    cross join charted_items
    where charted_items.source = 'attribute_sample'

),

named_counts as (

    select
        *,
        {{ stream_name(['line_id', 'station_id', 'sku_id', 'shift', 'supplier_id', 'item']) }} as stream
    from inspection_counts
    where sample_size > 0
    union all
    select
        *,
        {{ stream_name(['line_id', 'station_id', 'sku_id', 'shift', 'supplier_id', 'item']) }} as stream
    from sample_counts
    where sample_size > 0

),

charted_counts as (

    {{ charted_rows('named_counts', 'named_streams') }}

)

select
    concat(chart_id, '/', stream) as stream_id,
    chart_id,
    source,
    stream,
    line_id,
    sku_id,
    item,
    subgroup,
    subgroup_size,
    period_key,
    occurred_at,
    row_id,
    cast(sample_size as {{ type_double() }}) as sample_size,
    defectives,
    defects
from charted_counts
where subgroup in ('as_delivered', 'count') or period_key is not null
