{#
    The state of every request of a step, as the CTEs that end in `step_answers`: the request's inspection_id and
    content_key with call_state (answered, failed, pending), the raw answer and where it came from.

    The answer of the wanted model and prompt version counts; until it is there, the newest answer of another version
    goes on to count, and is_current_version says so. Failed = given up after ai_max_attempts or a final refusal.
    A request that cannot be asked now (is_askable is false: its picture is gone) has a state where it was asked before.
    Expects the CTEs `requests` and `calls`.
#}
{% macro ai_step_answers(step) -%}
{%- set is_current -%}
(
            model = {{ faultline.sql_text(var('ai_step_models')[step]) }}
            and prompt_version = {{ faultline.sql_text(var('ai_step_prompts')[step]) }}
        )
{%- endset -%}
calls_by_version as (

    select
        *,
        {{ is_current }} as is_current_version
    from calls

),

answers_ranked as (

    select
        *,
        row_number() over (
            partition by inspection_id, content_key
            order by is_current_version desc, called_at desc, call_id asc
        ) as answer_number
    from calls_by_version
    where state = 'answered'

),

failures_ranked as (

    select
        *,
        row_number() over (
            partition by inspection_id, content_key
            order by attempt desc
        ) as failure_number
    from calls_by_version
    where
        state = 'failed'
        and is_current_version

),

step_answers as (

    select
        requests.inspection_id,
        requests.content_key,
        requests.image_path,
        case
            when answers_ranked.call_id is not null then 'answered'
            when not failures_ranked.is_retryable or failures_ranked.attempt >= {{ var('ai_max_attempts') | int }} then 'failed'
            else 'pending'
        end as call_state,
        answers_ranked.raw_response,
        answers_ranked.model,
        answers_ranked.prompt_version,
        answers_ranked.is_current_version,
        answers_ranked.called_at as answered_at,
        failures_ranked.attempt as failed_attempts,
        failures_ranked.error as last_error,
        failures_ranked.called_at as last_failed_at
    from requests
    left join answers_ranked
        on
            requests.inspection_id = answers_ranked.inspection_id
            and requests.content_key = answers_ranked.content_key
            and answers_ranked.answer_number = 1
    left join failures_ranked
        on
            requests.inspection_id = failures_ranked.inspection_id
            and requests.content_key = failures_ranked.content_key
            and failures_ranked.failure_number = 1
    where
        requests.is_askable
        or answers_ranked.call_id is not null
        or failures_ranked.call_id is not null

)
{%- endmacro %}


{#
    A bare answer out of what a model wraps round it: a code fence, quotation marks, or a flat JSON object with the
    answer under the key `label`.
#}
{% macro bare_answer(raw_response) -%}
    {%- set unfenced = faultline.replace_matches(raw_response, '(?s)^\\s*```[a-z]*\\s|\\s*```\\s*$', '') -%}
    {{ return(
        "coalesce(" ~ faultline.json_value(faultline.flat_json_object(raw_response), 'label') ~ ", "
        ~ faultline.replace_matches(unfenced, '^\\s*"|"\\s*$', '') ~ ")"
    ) }}
{%- endmacro %}


{# A share out of a model's text: a plain number from 0 to 1, else NULL. #}
{% macro to_share(text) -%}
    {%- set number = faultline.to_double(text) -%}
    {{ return("case when " ~ number ~ " between 0 and 1 then " ~ number ~ " end") }}
{%- endmacro %}
