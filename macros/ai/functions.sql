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
        "ai_classify(" ~ faultline.lakehouse_model_id(settings) ~ ", " ~ faultline.lakehouse_image(request)
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
        "ai_extract(" ~ faultline.lakehouse_model_id(settings) ~ ", " ~ faultline.lakehouse_image(request)
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
        "ai_complete(" ~ faultline.lakehouse_model_id(settings) ~ ", " ~ content ~ ", "
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


{# The model as Lakehouse knows it. Before the seeds are built nobody knows it, and nothing is asked. #}
{% macro lakehouse_model_id(settings) -%}
    {%- if settings.get('is_checked', true) and not modules.re.fullmatch('[A-Za-z0-9_-]+:\\S+', settings.provider_model_id) -%}
        {{ faultline.raise_ai_error(
            "'" ~ settings.provider_model_id ~ "' is no model of Lakehouse: provider_model_id in ai_models is endpoint:<endpoint> or "
            ~ "<connection>:<model>. Name such a model in ai_step_models"
        ) }}
    {%- endif -%}
    {{ return(faultline.sql_text(settings.provider_model_id)) }}
{%- endmacro %}


{% macro lakehouse_presigned_url(request) -%}
    {{ return(
        "get_presigned_url(" ~ faultline.image_volume() ~ ", " ~ request ~ ".image_path, "
        ~ faultline.ai_options().presigned_url_seconds ~ ")"
    ) }}
{%- endmacro %}

{% macro lakehouse_image(request) -%}
    {{ return("(" ~ faultline.lakehouse_presigned_url(request) ~ " as image)") }}
{%- endmacro %}

{# Timeout and concurrency are strings by the vendor's contract; thinking costs time and tokens for nothing here. #}
{% macro lakehouse_ai_options() -%}
    {%- set given = faultline.ai_options() -%}
    {%- set options = {
        'model.params': {'enable_thinking': false, 'temperature': 0},
        'response.timeout': given.response_timeout_seconds | string,
        'task.concurrency': given.task_concurrency | string,
    } -%}
    {{ return("json" ~ faultline.sql_text(tojson(options))) }}
{%- endmacro %}


{# The var ai_options, every part of it a whole number above 0. `--vars` replaces the whole dictionary: none may be missing. #}
{% macro ai_options() -%}
    {%- set names = ['response_timeout_seconds', 'task_concurrency', 'presigned_url_seconds'] -%}
    {%- set options = {} -%}
    {%- for name in names -%}
        {%- set value = var('ai_options').get(name) -%}
        {%- if not modules.re.fullmatch('[1-9][0-9]*', value | string) -%}
            {{ faultline.raise_ai_error(
                "ai_options." ~ name ~ " is a whole number above 0, not " ~ value ~ "; the var needs " ~ (names | join(', '))
            ) }}
        {%- endif -%}
        {%- do options.update({name: value | int}) -%}
    {%- endfor -%}
    {%- for name in var('ai_options') if name not in names -%}
        {{ faultline.raise_ai_error("ai_options has no part '" ~ name ~ "'; it has " ~ (names | join(', '))) }}
    {%- endfor -%}
    {{ return(options) }}
{%- endmacro %}
