with checked as (

    select * from {{ ref('checked_line_stop_releases') }}

)

select
    line_id,
    released_at,
    released_by,
    reason
from checked
where row_status = 'kept'
