{#
    Where an answer comes from on DuckDB (var ai_backend). A backend is two macros:

    <backend>_answer(settings, request)       expression of type STRUCT(raw_response, error, is_retryable, input_tokens,
                                              output_tokens, latency_ms, finish_reason, served_model). A call that fails
                                              has an error and no raw_response: a failure is data, so that one poisoned
                                              row never takes its batch with it.
    <backend>_can_answer(settings, request)   condition: false leaves the request pending without a call
#}
{% macro ai_backend_answer(settings, request) -%}
    {{ return(faultline.ai_backend_macro('answer')(settings, request)) }}
{%- endmacro %}

{% macro ai_backend_can_answer(settings, request) -%}
    {{ return(adapter.dispatch('ai_backend_can_answer', 'faultline')(settings, request)) }}
{%- endmacro %}

{% macro default__ai_backend_can_answer(settings, request) -%}
    {{ return('true') }}
{%- endmacro %}

{% macro duckdb__ai_backend_can_answer(settings, request) -%}
    {{ return(faultline.ai_backend_macro('can_answer')(settings, request)) }}
{%- endmacro %}


{% macro ai_backend_macro(kind) -%}
    {%- set backends = {
        'mock': {'answer': faultline.mock_answer, 'can_answer': faultline.mock_can_answer},
        'replay': {'answer': faultline.replay_answer, 'can_answer': faultline.replay_can_answer},
        'endpoint': {'answer': faultline.endpoint_answer, 'can_answer': faultline.endpoint_can_answer},
    } -%}
    {%- if var('ai_backend') not in backends -%}
        {{ faultline.raise_ai_error(
            "there is no backend '" ~ var('ai_backend') ~ "'; ai_backend is one of " ~ (backends.keys() | join(', '))
        ) }}
    {%- endif -%}
    {{ return(backends[var('ai_backend')][kind]) }}
{%- endmacro %}


{# Where calls of this run go, as it stands in the ledger. #}
{% macro ai_backend_name() -%}
    {{ return(var('ai_backend') if target.type == 'duckdb' else 'lakehouse') }}
{%- endmacro %}


{# ---- replay: answers that were recorded before (landing table ai_recorded_answers) ---------------------------------- #}

{% macro replay_condition(settings, request) -%}
    recorded.step = {{ faultline.sql_text(settings.step) }}
    and recorded.model = {{ faultline.sql_text(settings.model) }}
    and recorded.inspection_id = {{ request }}.inspection_id
    and (recorded.prompt_version is null or recorded.prompt_version = {{ faultline.sql_text(settings.prompt_version) }})
    and (recorded.content_sha256 is null or recorded.content_sha256 = {{ request }}.content_sha256)
{%- endmacro %}

{% macro replay_can_answer(settings, request) -%}
    exists (
        select 1
        from {{ ref('ods_ai_recorded_answers') }} as recorded
        where {{ faultline.replay_condition(settings, request) }}
    )
{%- endmacro %}

{# The most specific record wins. A recorded failure would fail the same way again: it is not retried. #}
{% macro replay_answer(settings, request) -%}
    (
        select
            struct_pack(
                raw_response := case when recorded.error is null then recorded.raw_response end,
                error := recorded.error,
                is_retryable := false,
                input_tokens := cast(null as bigint),
                output_tokens := cast(null as bigint),
                latency_ms := cast(null as double),
                finish_reason := cast(null as varchar),
                served_model := recorded.model
            )
        from {{ ref('ods_ai_recorded_answers') }} as recorded
        where {{ faultline.replay_condition(settings, request) }}
        order by
            recorded.prompt_version is not null desc,
            recorded.content_sha256 is not null desc
        limit 1
    )
{%- endmacro %}
