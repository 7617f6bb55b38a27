{%- set steps = ai_steps() -%}

with calls as (
{% for step in steps %}
    select
        step,
        inspection_id,
        content_key,
        image_path,
        model,
        prompt_version,
        attempt,
        state,
        error,
        is_retryable,
        called_at
    from {{ ref('ai_' ~ step ~ '_calls') }}
    {%- if not loop.last %}

    union all
    {% endif -%}
{% endfor %}

),

ranked as (

    select
        *,
        row_number() over (
            partition by step, inspection_id, content_key, model, prompt_version
            order by attempt desc, called_at desc
        ) as newest
    from calls

)

select
    step,
    inspection_id,
    content_key,
    image_path,
    model,
    prompt_version,
    attempt as attempts,
    error,
    not is_retryable or attempt >= {{ var('ai_max_attempts') | int }} as is_given_up,
    called_at as failed_at
from ranked
where
    newest = 1
    and state = 'failed'
