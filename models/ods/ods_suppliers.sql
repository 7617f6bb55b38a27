with checked as (

    select * from {{ ref('checked_suppliers') }}

)

select
    supplier_id,
    supplier_name
from checked
where row_status = 'kept'
