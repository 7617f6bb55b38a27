with checked as (

    select * from {{ ref('checked_net_sales') }}

)

select
    sales_month,
    sku_id,
    amount,
    currency
from checked
where row_status = 'kept'
