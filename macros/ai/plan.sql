{# The model that holds the requests of a step. #}
{% macro ai_step_requests(step) -%}
    {{ return(ref('ai_diagnose_requests') if step == 'diagnose' else ref('ai_image_requests')) }}
{%- endmacro %}


{#
    What the next run would ask, and what it would cost, before anything is asked: for each step the new keys and the
    keys that another model or prompt version has answered already. Nothing is called.
    Run it after changing ai_step_models or ai_step_prompts:  dbt run-operation plan_reinference
#}
{% macro plan_reinference() -%}
    {%- if not execute -%}{{ return(none) }}{%- endif -%}
    {%- set plan = namespace(reinferences=0) -%}
    {{ log("", info=true) }}
    {{ log("step       model / prompt version                        new calls   re-inferences   price of the re-inferences", info=true) }}
    {%- for step in faultline.ai_steps() -%}
        {%- set settings = faultline.ai_step_settings(step) -%}
        {%- set ledger = load_relation(ref('ai_' ~ step ~ '_calls')) -%}
        {%- set requests = load_relation(faultline.ai_step_requests(step)) -%}
        {%- if not settings.is_checked or ledger is none or requests is none -%}
            {{ faultline.raise_ai_error("there is no ledger for step '" ~ step ~ "' yet: run dbt build first") }}
        {%- endif -%}
        {%- set counts = faultline.ai_pending_counts(settings, faultline.ai_wanted_keys(step, requests), ledger) -%}
        {%- set plan.reinferences = plan.reinferences + counts.reinference -%}
        {%- if settings.estimated_cost is none -%}
            {%- set price = "unknown: no price in ai_models" -%}
        {%- else -%}
            {%- set price = "%.4f %s" | format(counts.reinference * settings.estimated_cost, settings.currency or '') -%}
        {%- endif -%}
        {{ log(
            "%-10s %-45s %9d   %13d   %s" | format(
                step, settings.model ~ ' / ' ~ settings.prompt_version, counts.new, counts.reinference, price
            ),
            info=true
        ) }}
    {%- endfor -%}
    {{ log("", info=true) }}
    {%- if plan.reinferences -%}
        {{ log(
            "Re-inferences repeat a question under another model or prompt. Until they are made the earlier answers count. "
            ~ "To make them:  dbt build --vars '" ~ tojson(dict(invocation_args_dict.vars, ai_reinference_calls=plan.reinferences))
            ~ "'  (a limit for each step).",
            info=true
        ) }}
    {%- else -%}
        {{ log("No re-inference is waiting.", info=true) }}
    {%- endif -%}
{%- endmacro %}
