with checked as (

    select * from {{ ref('checked_skus') }}

)

select
    sku_id,
    sku_name,
    unit_cost,
    rework_cost,
    scrap_recovery
from checked
where row_status = 'kept'
