with checked as (

    select * from {{ ref('checked_sensor_readings') }}

)

select
    reading_time,
    equipment_id,
    parameter,
    value,
    unit,
    version_count,
    is_version_tie
from checked
where row_status = 'kept'
