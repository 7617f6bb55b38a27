with checked as (

    select * from {{ ref('checked_lines') }}

)

select
    line_id,
    line_name
from checked
where row_status = 'kept'
