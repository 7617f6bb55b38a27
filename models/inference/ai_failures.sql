with classify_answers as (

    select * from {{ ref('ai_classify_answers') }}

),

extract_answers as (

    select * from {{ ref('ai_extract_answers') }}

),

diagnose_answers as (

    select * from {{ ref('ai_diagnose_answers') }}

)

{%- for step in ai_steps() %}
{{ 'union all' if not loop.first }}

select
    '{{ step }}' as step,
    inspection_id,
    content_key,
    image_path,
    state = 'failed' as is_given_up,
    failed_attempts,
    last_error,
    last_failed_at
from {{ step }}_answers
where
    state in ('failed', 'pending')
    and failed_attempts is not null
{%- endfor %}
