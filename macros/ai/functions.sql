{#
    The AI functions: each returns an SQL expression whose value is the model's raw answer as text.

    settings   the dictionary of ai_step_settings(step)
    request    alias of a relation with the request columns inspection_id, content_key, content_sha256, image_path,
               prompt_text and attempt; the mock also reads raw_category, raw_severity and aoi_verdict

    An expression may be evaluated once per reference, and every evaluation is a paid call: store it first, read it
    later. The materialization ai_ledger does so; outside of it think twice.
#}

{# One of settings.labels for the image of the request. #}
{% macro ai_classify(settings, request='request') -%}
    {{ return(adapter.dispatch('ai_classify', 'faultline')(settings, request)) }}
{%- endmacro %}

{% macro default__ai_classify(settings, request) -%}
    {{ faultline.refuse_ai_adapter('ai_classify') }}
{%- endmacro %}

{% macro duckdb__ai_classify(settings, request) -%}
    {{ return("(" ~ faultline.ai_backend_answer(settings, request) ~ ").raw_response") }}
{%- endmacro %}

{% macro clickzetta__ai_classify(settings, request) -%}
    {{ return(
        "ai_classify(" ~ faultline.sql_text(settings.provider_model_id) ~ ", " ~ faultline.lakehouse_image(request)
        ~ ", array(" ~ faultline.sql_text_list(settings.labels) ~ "), " ~ faultline.lakehouse_ai_options() ~ ")"
    ) }}
{%- endmacro %}


{# A flat JSON object with the keys of settings.response_schema for the image of the request. #}
{% macro ai_extract(settings, request='request') -%}
    {{ return(adapter.dispatch('ai_extract', 'faultline')(settings, request)) }}
{%- endmacro %}

{% macro default__ai_extract(settings, request) -%}
    {{ faultline.refuse_ai_adapter('ai_extract') }}
{%- endmacro %}

{% macro duckdb__ai_extract(settings, request) -%}
    {{ return("(" ~ faultline.ai_backend_answer(settings, request) ~ ").raw_response") }}
{%- endmacro %}

{% macro clickzetta__ai_extract(settings, request) -%}
    {{ return(
        "ai_extract(" ~ faultline.sql_text(settings.provider_model_id) ~ ", " ~ faultline.lakehouse_image(request)
        ~ ", json" ~ faultline.sql_text(settings.response_schema) ~ ", " ~ faultline.lakehouse_ai_options() ~ ")"
    ) }}
{%- endmacro %}


{# The model's answer to the request's prompt_text, with the image where the prompt sends one. #}
{% macro ai_complete(settings, request='request') -%}
    {{ return(adapter.dispatch('ai_complete', 'faultline')(settings, request)) }}
{%- endmacro %}

{% macro default__ai_complete(settings, request) -%}
    {{ faultline.refuse_ai_adapter('ai_complete') }}
{%- endmacro %}

{% macro duckdb__ai_complete(settings, request) -%}
    {{ return("(" ~ faultline.ai_backend_answer(settings, request) ~ ").raw_response") }}
{%- endmacro %}

{% macro clickzetta__ai_complete(settings, request) -%}
    {%- if settings.sends_image -%}
        {%- set content = "(" ~ request ~ ".prompt_text as prompt, " ~ faultline.lakehouse_presigned_url(request) ~ " as image)" -%}
    {%- else -%}
        {%- set content = request ~ ".prompt_text" -%}
    {%- endif -%}
    {{ return(
        "ai_complete(" ~ faultline.sql_text(settings.provider_model_id) ~ ", " ~ content ~ ", "
        ~ faultline.lakehouse_ai_options() ~ ")"
    ) }}
{%- endmacro %}


{# The function of a step. #}
{% macro ai_call(settings, request='request') -%}
    {%- if settings.step == 'classify' -%}
        {{ return(faultline.ai_classify(settings, request)) }}
    {%- elif settings.step == 'extract' -%}
        {{ return(faultline.ai_extract(settings, request)) }}
    {%- else -%}
        {{ return(faultline.ai_complete(settings, request)) }}
    {%- endif -%}
{%- endmacro %}


{% macro refuse_ai_adapter(function) -%}
    {{ faultline.raise_ai_error(
        function ~ " is not supported on adapter '" ~ target.type ~ "'; it is on duckdb and clickzetta"
    ) }}
{%- endmacro %}


{% macro lakehouse_presigned_url(request) -%}
    {{ return(
        "get_presigned_url(" ~ var('image_volume') ~ ", " ~ request ~ ".image_path, "
        ~ (var('ai_options').presigned_url_seconds | int) ~ ")"
    ) }}
{%- endmacro %}

{% macro lakehouse_image(request) -%}
    {{ return("(" ~ faultline.lakehouse_presigned_url(request) ~ " as image)") }}
{%- endmacro %}

{# Timeout and concurrency are strings by the vendor's contract; thinking costs time and tokens for nothing here. #}
{% macro lakehouse_ai_options() -%}
    {%- set options = {
        'model.params': {'enable_thinking': false, 'temperature': 0},
        'response.timeout': var('ai_options').response_timeout_seconds | string,
        'task.concurrency': var('ai_options').task_concurrency | string,
    } -%}
    {{ return("json" ~ faultline.sql_text(tojson(options))) }}
{%- endmacro %}
