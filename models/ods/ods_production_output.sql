with checked as (

    select * from {{ ref('checked_production_output') }}

)

select
    output_hour,
    line_id,
    sku_id,
    shift,
    units_produced
from checked
where row_status = 'kept'
