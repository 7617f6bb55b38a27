{#
    What the next run would ask, in how many tokens and at what price, before anything is spent: for each step the
    pending rows, the calls they come to (rows of the same content are asked once by the backend endpoint), and what
    the budget leaves. Nothing is called. Before the first run:

        dbt seed
        dbt run --select +ai_image_requests
        dbt run-operation plan_inference
#}
{% macro plan_inference() -%}
    {%- if not execute -%}{{ return(none) }}{%- endif -%}
    {%- set total = namespace(calls=0, costs={}, has_unknown_price=false) -%}
    {{ log("", info=true) }}
    {{ log("step       model / prompt version                             rows      calls    tokens in   tokens out   price", info=true) }}
    {%- for step in faultline.ai_steps() -%}
        {%- set settings = faultline.ai_step_settings(step) -%}
        {%- if not settings.is_checked -%}
            {{ faultline.raise_ai_error("the seeds are not built: run dbt seed") }}
        {%- endif -%}
        {%- set name = "%-10s %-45s" | format(step, settings.model ~ ' / ' ~ settings.prompt_version) -%}
        {%- set requests = load_relation(faultline.ai_step_requests(step)) -%}
        {%- if requests is none -%}
            {{ log(
                name ~ "  not known yet: "
                ~ ("it asks about what classify and extract find" if step == 'diagnose'
                    else "build the requests first, dbt run --select +ai_image_requests"),
                info=true
            ) }}
        {%- else -%}
            {%- set pending = faultline.ai_pending_calls(settings, requests) -%}
            {%- set total.calls = total.calls + pending.calls -%}
            {%- if settings.estimated_cost is none -%}
                {%- set price = "unknown: no price in ai_models" -%}
                {%- set total.has_unknown_price = total.has_unknown_price or pending.calls > 0 -%}
            {%- else -%}
                {%- set price = "%.4f %s" | format(pending.calls * settings.estimated_cost, settings.currency or '') -%}
                {%- do total.costs.update({
                    settings.currency or '': total.costs.get(settings.currency or '', 0) + pending.calls * settings.estimated_cost
                }) -%}
            {%- endif -%}
            {{ log(
                name ~ " %9d  %9d  %11d  %11d   %s" | format(
                    pending.rows, pending.calls, pending.calls * settings.estimated_input_tokens,
                    pending.calls * (settings.estimated_output_tokens | int), price
                ),
                info=true
            ) }}
        {%- endif -%}
    {%- endfor -%}
    {{ log("", info=true) }}
    {%- set prices = [] -%}
    {%- for currency, cost in total.costs.items() if cost > 0 -%}
        {%- do prices.append("%.4f %s" | format(cost, currency)) -%}
    {%- endfor -%}
    {{ log(
        "In all " ~ total.calls ~ " calls" ~ (", " ~ (prices | join(' and ')) if prices else '')
        ~ (", and what has no price" if total.has_unknown_price else '')
        ~ ". Tokens and prices are the estimates of ai_prompts and ai_models; diagnose changes with what the others find.",
        info=true
    ) }}
    {{ log(faultline.ai_budget_text(), info=true) }}
{%- endmacro %}


{#
    Pending rows of a step and the calls they come to, whether its ledger exists yet or not: {'rows': n, 'calls': n}.
    Re-inferences count as far as the var ai_reinference_calls allows them.
#}
{% macro ai_pending_calls(settings, requests) -%}
    {%- set ledger = load_relation(ref('ai_' ~ settings.step ~ '_calls')) -%}
    {%- if ledger is none -%}
        {%- set columns = [] -%}
        {%- for name, type in faultline.ai_ledger_columns() -%}
            {%- do columns.append("cast(null as " ~ type ~ ") as " ~ name) -%}
        {%- endfor -%}
        {%- set ledger = "(select " ~ (columns | join(', ')) ~ " limit 0) as no_ledger" -%}
    {%- endif -%}
    {%- set pending = faultline.ai_pending_requests(settings, faultline.ai_wanted_keys(settings.step, requests), ledger) -%}
    {%- set shares = faultline.ai_backend_name() == 'endpoint' -%}
    {%- set content = "concat(coalesce(content_sha256, ''), '|', coalesce(prompt_text, ''))" if shares else "inspection_id" -%}
    {%- set counts = run_query(
        "select "
        ~ "coalesce(sum(case when is_reinference then 0 else 1 end), 0), "
        ~ "count(distinct case when is_reinference then null else " ~ content ~ " end), "
        ~ "coalesce(sum(case when is_reinference then 1 else 0 end), 0), "
        ~ "count(distinct case when is_reinference then " ~ content ~ " end) "
        ~ "from (" ~ pending ~ ") as pending"
    ).rows[0] -%}
    {%- set allowed = var('ai_reinference_calls') | int -%}
    {{ return({
        'rows': (counts[0] | int) + ([counts[2] | int, allowed] | min),
        'calls': (counts[1] | int) + ([counts[3] | int, allowed] | min),
    }) }}
{%- endmacro %}


{# The budget in words: what of each limit is left. #}
{% macro ai_budget_text() -%}
    {%- set spent = faultline.ai_spent() -%}
    {%- set parts = [] -%}
    {%- for name, used in [
        ('ai_max_calls_per_run', 0), ('ai_max_calls_per_day', spent[1]), ('ai_max_cost_per_run', 0), ('ai_max_cost_per_day', spent[3]),
    ] if var(name) >= 0 -%}
        {%- do parts.append(name ~ " leaves " ~ ([(var(name) - used), 0] | max | round(4)) ~ " of " ~ var(name)) -%}
    {%- endfor -%}
    {{ return("Budget: " ~ (parts | join('; ') if parts else "no limit is set (ai_max_calls_per_run, ai_max_cost_per_day, ...)") ~ ".") }}
{%- endmacro %}
