with checked as (

    select * from {{ ref('checked_ai_recorded_answers') }}

)

select
    step,
    inspection_id,
    model,
    raw_response,
    prompt_version,
    content_sha256,
    error
from checked
where row_status = 'kept'
