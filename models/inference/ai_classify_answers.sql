with requests as (

    select * from {{ ref('ai_image_requests') }}

),

calls as (

    select * from {{ ref('ai_classify_calls') }}

),

defect_categories as (

    select * from {{ ref('defect_categories') }}

),

{{ ai_step_answers('classify') }},

normalised as (

    select
        *,
        {{ normalised_label(bare_answer('raw_response')) }} as answer_label
    from step_answers

)

select
    normalised.inspection_id,
    normalised.content_key,
    normalised.image_path,
    case
        when normalised.call_state = 'answered' and defect_categories.category is null then 'invalid'
        else normalised.call_state
    end as state,
    defect_categories.category,
    normalised.raw_response,
    normalised.model,
    normalised.prompt_version,
    normalised.is_current_version,
    normalised.answered_at,
    normalised.failed_attempts,
    normalised.last_error,
    normalised.last_failed_at
from normalised
left join defect_categories
    on normalised.answer_label = {{ normalised_label('defect_categories.category') }}
