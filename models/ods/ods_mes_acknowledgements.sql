with checked as (

    select * from {{ ref('checked_mes_acknowledgements') }}

)

select
    action_key,
    acknowledged_at,
    status,
    version,
    mes_reference,
    message
from checked
where row_status = 'kept'
