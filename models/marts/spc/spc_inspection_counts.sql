with charts as (

    select * from {{ ref('spc_charts') }}

),

inspections as (

    select * from {{ ref('inspections') }}

),

defect_categories as (

    select * from {{ ref('defect_categories') }}

),

-- A category chart has a stream for each defect category.
charted_items as (

    select
        charts.*,
        defect_categories.category as item
    from charts
    left join defect_categories
        on charts.source = 'category_rate' and defect_categories.is_defect
    where
        charts.is_enabled
        and charts.source in (
            'defect_rate',
            'critical_defect_rate',
            'category_rate',
            'extracted_defects',
            'aoi_false_call_rate',
            'ai_disagreement_rate'
        )

),

-- What people said, as far as they said anything: camera and model are compared with people, never with the model.
inspections_with_human_category as (

    select
        inspections.*,
        defect_categories.category as human_category,
        defect_categories.is_judged as is_judged_by_human
    from inspections
    left join defect_categories
        on coalesce(inspections.reviewed_category, inspections.raw_category) = defect_categories.category

)

select
    charted_items.chart_id,
    charted_items.source,
    charted_items.stream as chart_stream,
    charted_items.chart_type,
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
    case
        when charted_items.source = 'extracted_defects' then inspections.ai_defect_count is not null
        when charted_items.source = 'aoi_false_call_rate'
            then
                inspections.inspection_source = 'aoi'
                and inspections.aoi_verdict = 'suspect'
                and coalesce(inspections.is_judged_by_human, false)
        when charted_items.source = 'ai_disagreement_rate'
            then inspections.ai_category is not null and inspections.human_category is not null
        else inspections.is_judged
    end as is_counted,
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
