{#
    The backend endpoint: an OpenAI-compatible server, asked by Python (scripts/faultline/endpoint, a dbt-duckdb plugin).

    Asking and recording are two things. First all pending rows are handed to the plugin, which keeps every answer in its
    store the moment it arrives; then one statement appends to the ledger what is known by then. So there is no barrier
    between batches, and a run that is killed has lost nothing but the requests in flight.
#}
{% macro endpoint_answer(settings, request) -%}
    {{ return("faultline_ai_outcome(" ~ faultline.endpoint_row(settings, request) ~ ")") }}
{%- endmacro %}

{% macro endpoint_can_answer(settings, request) -%}
    {{ return('true') }}
{%- endmacro %}

{# A row as the functions of the plugin take it. #}
{% macro endpoint_row(settings, request) -%}
    {{ return(
        faultline.sql_text(settings.step) ~ ", " ~ request ~ ".inspection_id, " ~ request ~ ".content_sha256, "
        ~ request ~ ".image_path, " ~ request ~ ".prompt_text"
    ) }}
{%- endmacro %}


{# Asks for the pending rows of a step and appends what came back; returns how many stay pending. #}
{% macro ask_endpoint(settings, wanted_sql, ledger, pending, allowed_reinferences) -%}
    {%- if pending.new + pending.reinference == 0 -%}
        {{ return(0) }}
    {%- endif -%}
    {%- do run_query("select faultline_ai_open(" ~ faultline.sql_text(tojson(faultline.endpoint_settings(settings))) ~ ")") -%}

    {#- What an earlier run received and could not record any more. -#}
    {%- do run_query(faultline.endpoint_record(settings, wanted_sql, ledger)) -%}

    {%- set open = faultline.ai_pending_counts(settings, wanted_sql, ledger) -%}
    {%- set wanted_calls = open.new + ([open.reinference, allowed_reinferences] | min) -%}
    {%- if wanted_calls == 0 -%}
        {{ return(0) }}
    {%- endif -%}
    {%- do run_query("select faultline_ai_begin(" ~ faultline.sql_text(settings.step) ~ ", " ~ wanted_calls ~ ")") -%}
    {%- do run_query(faultline.endpoint_submit(settings, wanted_sql, ledger, wanted_calls)) -%}
    {%- set tally = fromjson(
        run_query("select faultline_ai_drain(" ~ faultline.sql_text(settings.step) ~ ")").rows[0][0]
    ) -%}
    {%- do run_query(faultline.endpoint_record(settings, wanted_sql, ledger)) -%}
    {%- if tally.stopped == 'set_up' -%}
        {{ faultline.raise_ai_error("the endpoint cannot be used for step '" ~ settings.step ~ "': " ~ tally.detail) }}
    {%- endif -%}

    {%- set left = faultline.ai_pending_counts(settings, wanted_sql, ledger) -%}
    {%- set left_calls = left.new + ([left.reinference, allowed_reinferences] | min) -%}
    {%- if tally.stopped -%}
        {{ log(
            "AI ledger " ~ this.identifier ~ ": stopped, " ~ tally.detail ~ "; " ~ left_calls
            ~ " rows stay pending for a later run", info=true
        ) }}
    {%- endif -%}
    {{ return(left_calls) }}
{%- endmacro %}


{# Hands the pending rows over, new ones first, the oldest first. Waits while many are queued. #}
{% macro endpoint_submit(settings, wanted_sql, ledger, wanted_calls) -%}
    select count(*)
    from (
        select faultline_ai_submit({{ faultline.endpoint_row(settings, 'request') }}) as is_taken
        from (
            select pending.*
            from (
{{ faultline.ai_pending_requests(settings, wanted_sql, ledger) }}
            ) as pending
            order by
                pending.is_reinference,
                pending.inspect_time,
                pending.inspection_id
            limit {{ wanted_calls }}
        ) as request
    ) as submitted
    where is_taken
{%- endmacro %}


{# Appends to the ledger every pending row whose outcome is known. #}
{% macro endpoint_record(settings, wanted_sql, ledger) -%}
    {{ return(faultline.ai_batch_insert(
        settings, wanted_sql, ledger, none, none,
        condition="faultline_ai_has_outcome(" ~ faultline.endpoint_row(settings, 'pending') ~ ")"
    )) }}
{%- endmacro %}


{# The var ai_endpoint with its defaults. #}
{% macro endpoint_options() -%}
    {%- set options = {
        'timeout_seconds': 120, 'max_tries': 5, 'outage_seconds': 60, 'max_answer_tokens': 512,
        'image_edge_px': 1024, 'image_quality': 85, 'image_max_pixels': 50000000, 'image_url_prefix': '',
    } -%}
    {%- for name, value in var('ai_endpoint').items() -%}
        {%- if name not in options -%}
            {{ faultline.raise_ai_error("the var ai_endpoint has no '" ~ name ~ "'; it has " ~ (options.keys() | join(', '))) }}
        {%- endif -%}
        {%- do options.update({name: value}) -%}
    {%- endfor -%}
    {{ return(options) }}
{%- endmacro %}


{# Everything the plugin has to know for a step. No secret is in it: address and key are read from the environment. #}
{% macro endpoint_settings(settings) -%}
    {%- set options = faultline.endpoint_options() -%}
    {#- Raises where a budget in money is set for a model without a price. -#}
    {%- do faultline.ai_calls_left(settings) -%}
    {{ return({
        'run_id': invocation_id,
        'step': {
            'step': settings.step,
            'model': settings.model,
            'served_as': settings.provider_model_id,
            'prompt_version': settings.prompt_version,
            'prompt_md5': settings.prompt_md5,
            'prompt_text': settings.prompt_text,
            'response_schema': settings.response_schema,
            'sends_image': settings.sends_image,
            'labels': settings.labels,
            'actions': settings.actions,
            'structured_output': settings.structured_output,
            'request_options': settings.request_options,
            'input_price': settings.input_price | string if settings.input_price is not none else '',
            'output_price': settings.output_price | string if settings.output_price is not none else '',
            'estimated_input_tokens': settings.estimated_input_tokens | int,
            'estimated_output_tokens': settings.estimated_output_tokens | int,
            'max_answer_tokens': options.max_answer_tokens,
        },
        'images': {
            'root': faultline.image_root(),
            'edge_px': options.image_edge_px,
            'quality': options.image_quality,
            'max_pixels': options.image_max_pixels,
            'url_prefix': options.image_url_prefix,
        },
        'limits': {
            'concurrency': var('ai_concurrency'),
            'requests_per_minute': var('ai_requests_per_minute'),
            'tokens_per_minute': var('ai_tokens_per_minute'),
            'timeout_seconds': options.timeout_seconds,
            'max_tries': options.max_tries,
            'outage_seconds': options.outage_seconds,
            'calls_per_run': var('ai_max_calls_per_run'),
            'calls_per_day': var('ai_max_calls_per_day'),
            'cost_per_run': var('ai_max_cost_per_run'),
            'cost_per_day': var('ai_max_cost_per_day'),
            'spent': faultline.ai_spent(),
        },
    }) }}
{%- endmacro %}
