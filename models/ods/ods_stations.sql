with checked as (

    select * from {{ ref('checked_stations') }}

)

select
    station_id,
    line_id,
    station_type
from checked
where row_status = 'kept'
