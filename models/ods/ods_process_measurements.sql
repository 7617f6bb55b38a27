with checked as (

    select * from {{ ref('checked_process_measurements') }}

)

select
    measured_at,
    line_id,
    station_id,
    sku_id,
    characteristic,
    subgroup_id,
    value,
    measurement_id
from checked
where row_status = 'kept'
