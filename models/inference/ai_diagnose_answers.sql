with requests as (

    select * from {{ ref('ai_diagnose_requests') }}

),

calls as (

    select * from {{ ref('ai_diagnose_calls') }}

),

action_labels as (

    select label
    from {{ ref('labels') }}
    where label_set = 'action'

),

root_causes as (

    select * from {{ ref('root_causes') }}

),

{{ ai_step_answers('diagnose') }},

answer_objects as (

    select
        *,
        {{ flat_json_object('raw_response') }} as answer_object
    from step_answers

),

answer_fields as (

    select
        *,
        {{ normalised_label(json_value('answer_object', 'root_cause_code')) }} as code_text,
        {{ null_if_blank(json_value('answer_object', 'root_cause')) }} as root_cause_text,
        {{ normalised_label(json_value('answer_object', 'action')) }} as action_text,
        {{ null_if_blank(json_value('answer_object', 'confidence')) }} as confidence_text
    from answer_objects

),

-- A diagnosis without a cause or with an action of its own making is no diagnosis: both stay NULL. A code that the seed
-- does not have is no code; the words stand without it.
judged as (

    select
        answer_fields.*,
        action_labels.label as action_label,
        root_causes.root_cause_code,
        coalesce(answer_fields.root_cause_text, root_causes.cause) as root_cause,
        coalesce(answer_fields.root_cause_text, root_causes.cause) is not null
        and action_labels.label is not null as is_valid
    from answer_fields
    left join action_labels
        on answer_fields.action_text = {{ normalised_label('action_labels.label') }}
    left join root_causes
        on answer_fields.code_text = {{ normalised_label('root_causes.root_cause_code') }}

)

select
    inspection_id,
    content_key,
    image_path,
    case
        when call_state = 'answered' and not is_valid then 'invalid'
        else call_state
    end as state,
    case when is_valid then root_cause_code end as root_cause_code,
    case when is_valid then root_cause end as root_cause,
    case when is_valid then action_label end as action,
    case when is_valid then {{ to_share('confidence_text') }} end as confidence,
    raw_response,
    model,
    prompt_version,
    is_current_version,
    answered_at,
    failed_attempts,
    last_error,
    last_failed_at
from judged
