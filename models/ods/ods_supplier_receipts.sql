with checked as (

    select * from {{ ref('checked_supplier_receipts') }}

)

select
    receipt_id,
    supplier_id,
    supplier_lot_id,
    sku_id,
    received_at,
    quantity_received,
    quantity_rejected,
    promised_at,
    version_count,
    is_version_tie
from checked
where row_status = 'kept'
