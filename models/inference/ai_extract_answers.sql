with requests as (

    select * from {{ ref('ai_image_requests') }}

),

calls as (

    select * from {{ ref('ai_extract_calls') }}

),

{{ ai_step_answers('extract') }},

-- An answer is a flat JSON object that has at least one of the keys asked for; a missing key is an empty field.
answer_objects as (

    select
        *,
        {{ flat_json_object('raw_response') }} as answer_object
    from step_answers

),

answer_fields as (

    select
        *,
        {{ null_if_blank(json_value('answer_object', 'location')) }} as location_text,
        {{ null_if_blank(json_value('answer_object', 'area_ratio')) }} as area_ratio_text,
        {{ null_if_blank(json_value('answer_object', 'count')) }} as count_text,
        {{ null_if_blank(json_value('answer_object', 'confidence')) }} as confidence_text,
        coalesce({{ matches('answer_object', '"(location|area_ratio|count|confidence)"\\s*:') }}, false)
            as has_known_key
    from answer_objects

),

typed as (

    select
        *,
        {{ to_share('area_ratio_text') }} as area_ratio,
        case when {{ to_bigint('count_text') }} >= 0 then {{ to_bigint('count_text') }} end as defect_count,
        {{ to_share('confidence_text') }} as confidence
    from answer_fields

)

select
    inspection_id,
    content_key,
    image_path,
    case
        when call_state = 'answered' and not has_known_key then 'invalid'
        else call_state
    end as state,
    location_text as location,
    area_ratio,
    defect_count,
    confidence,
    nullif(concat(
        case when area_ratio_text is not null and area_ratio is null then 'area_ratio ' else '' end,
        case when count_text is not null and defect_count is null then 'count ' else '' end,
        case when confidence_text is not null and confidence is null then 'confidence ' else '' end
    ), '') as refused_fields,
    raw_response,
    model,
    prompt_version,
    is_current_version,
    answered_at,
    failed_attempts,
    last_error,
    last_failed_at
from typed
