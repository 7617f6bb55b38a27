{{ config(contract=public_contract()) }}

with dispositions as (

    select * from {{ ref('dispositions') }}

),

skus as (

    select * from {{ ref('ods_skus') }}

)

select
    {{ action_key("'scrap'", 'dispositions.inspection_id') }} as action_key,
    dispositions.inspection_id,
    dispositions.local_day,
    dispositions.line_id,
    dispositions.station_id,
    dispositions.sku_id,
    dispositions.part_serial,
    dispositions.supplier_id,
    dispositions.supplier_lot_id,
    dispositions.decided_by,
    skus.unit_cost as material_value,
    skus.scrap_recovery as recovery,
    skus.unit_cost - coalesce(skus.scrap_recovery, 0) as write_off,
    {{ sql_text(var('plant_currency')) }} as currency
from dispositions
left join skus
    on dispositions.sku_id = skus.sku_id
where
    dispositions.disposition = 'scrap'
    and dispositions.repeats_inspection_id is null
