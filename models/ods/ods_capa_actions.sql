with checked as (

    select * from {{ ref('checked_capa_actions') }}

)

select
    action_id,
    case_id,
    owner,
    description,
    recorded_on,
    due_on,
    done_on,
    version_count,
    is_version_tie
from checked
where row_status = 'kept'
