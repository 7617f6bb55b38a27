with checked as (

    select * from {{ ref('checked_characteristics') }}

)

select
    sku_id,
    characteristic,
    lower_spec,
    target,
    upper_spec,
    unit
from checked
where row_status = 'kept'
