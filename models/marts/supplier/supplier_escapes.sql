with inspections as (

    select * from {{ ref('inspections') }}

),

coded_root_causes as (

    select * from {{ ref('coded_root_causes') }}

),

failure_costs as (

    select * from {{ ref('failure_costs') }}

),

costs_per_inspection as (

    select
        inspection_id,
        sum(amount) as line_cost
    from failure_costs
    where inspection_id is not null
    group by inspection_id

),

-- A defect of a part is the supplier's only where the verdict or its cause points at the material.
judged as (

    select
        inspections.*,
        coded_root_causes.root_cause_code,
        inspections.is_defect
        and (inspections.category = 'Material Issue' or coalesce(coded_root_causes.six_m = 'Material', false)) as is_escape
    from inspections
    left join coded_root_causes
        on inspections.inspection_id = coded_root_causes.inspection_id
    where inspections.supplier_id is not null

)

select
    judged.inspection_id,
    judged.local_day,
    judged.line_id,
    judged.station_id,
    judged.sku_id,
    judged.supplier_id,
    judged.supplier_lot_id,
    judged.category,
    judged.category_source,
    judged.severity,
    judged.root_cause_code,
    judged.image_path,
    judged.image_state,
    judged.is_defect,
    judged.is_escape,
    coalesce(judged.reviewed_category, judged.raw_category) is not null
    and coalesce(judged.reviewed_category, judged.raw_category) = judged.category as is_confirmed,
    costs_per_inspection.line_cost
from judged
left join costs_per_inspection
    on judged.inspection_id = costs_per_inspection.inspection_id
