{#
    An append-only record of AI calls. The model selects the keys that should have an answer (macro ai_wanted_keys,
    config meta.ai_step); this materialization calls the model for those that have none and appends one row per call.

    - Rows are never updated or deleted, and --full-refresh does not touch the table: answers were paid for.
    - Every batch is one committed statement: a run that is killed keeps what its finished batches received.
    - New keys first; keys that only repeat an answer under another model or prompt need the var ai_reinference_calls.
    - The budget is read again before each batch. What is left stays pending for a later run.
    - The backend endpoint asks first, with many requests in flight, and then appends what came back (ask_endpoint).
#}
{% materialization ai_ledger, default %}
    {%- set step = config.get('meta', {}).get('ai_step') -%}
    {%- set settings = faultline.ai_step_settings(step) -%}
    {%- if not settings.is_checked -%}
        {{ faultline.raise_ai_error("the seeds ai_models, ai_prompts and defect_categories are not built: run dbt seed or dbt build") }}
    {%- endif -%}
    {%- set ledger = this.incorporate(type='table') -%}
    {%- set existing = load_relation(this) -%}
    {%- if existing is not none and not existing.is_table -%}
        {{ faultline.raise_ai_error(this ~ " is a " ~ existing.type ~ ", not a ledger: move it away first") }}
    {%- endif -%}
    {%- if should_full_refresh() -%}
        {{ log("AI ledger " ~ this.identifier ~ ": --full-refresh does not apply, answers are kept", info=true) }}
    {%- endif -%}

    {{ run_hooks(pre_hooks) }}

    {%- do faultline.create_ai_ledger(ledger, existing) -%}

    {%- set wanted_sql = sql -%}
    {%- set pending = faultline.ai_pending_counts(settings, wanted_sql, ledger) -%}
    {%- set allowed_reinferences = [pending.reinference, var('ai_reinference_calls') | int] | min -%}
    {%- if pending.new + allowed_reinferences > 0 -%}
        {%- do faultline.check_ai_prompt_unchanged(settings, ledger) -%}
    {%- endif -%}

    {%- set left_by_budget = namespace(calls=0) -%}
    {%- if faultline.ai_backend_name() == 'endpoint' -%}
        {%- set left_by_budget.calls = faultline.ask_endpoint(settings, wanted_sql, ledger, pending, allowed_reinferences) -%}
    {%- else -%}
        {%- for is_reinference, wanted_calls in [(false, pending.new), (true, allowed_reinferences)] -%}
            {%- set left = namespace(calls=wanted_calls) -%}
            {%- for _ in range(0, wanted_calls) if left.calls > 0 -%}
                {%- set allowed = faultline.ai_calls_left(settings) -%}
                {%- set batch_size = [left.calls, faultline.ai_batch_size()] | min if allowed is none
                    else [left.calls, faultline.ai_batch_size(), allowed] | min -%}
                {%- if batch_size <= 0 -%}
                    {%- set left_by_budget.calls = left_by_budget.calls + left.calls -%}
                    {%- set left.calls = 0 -%}
                {%- else -%}
                    {%- do run_query(faultline.ai_batch_insert(settings, wanted_sql, ledger, batch_size, is_reinference)) -%}
                    {%- set left.calls = left.calls - batch_size -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}

    {%- call statement('main', fetch_result=true) -%}
        select
            coalesce(sum(case when request_count = 0 then 0 else 1 end), 0) as calls,
            coalesce(sum(case when state = 'failed' then 1 else 0 end), 0) as failed
        from {{ ledger }}
        where run_id = '{{ invocation_id }}'
    {%- endcall -%}
    {%- set made = load_result('main')['data'][0] -%}
    {{ log(
        "AI ledger " ~ this.identifier ~ ": " ~ made[0] ~ " calls (" ~ made[1] ~ " failed)"
        ~ ((", " ~ left_by_budget.calls ~ " left pending" ~ (" by the budget" if faultline.ai_backend_name() != 'endpoint' else "")) if left_by_budget.calls else "")
        ~ ((", " ~ (pending.reinference - allowed_reinferences) ~ " re-inferences not made: see dbt run-operation plan_reinference")
            if pending.reinference > allowed_reinferences else ""),
        info=true
    ) }}

    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}

    {{ return({'relations': [ledger]}) }}
{% endmaterialization %}


{# Creates the ledger, or adds the columns that a newer version of the project brought. #}
{% macro create_ai_ledger(ledger, existing) -%}
    {{ return(adapter.dispatch('create_ai_ledger', 'faultline')(ledger, existing)) }}
{%- endmacro %}

{% macro default__create_ai_ledger(ledger, existing) -%}
    {%- if existing is none -%}
        {%- set definitions = [] -%}
        {%- for name, type in faultline.ai_ledger_columns() -%}
            {%- do definitions.append(name ~ ' ' ~ type) -%}
        {%- endfor -%}
        {%- do run_query("create table if not exists " ~ ledger ~ " (" ~ (definitions | join(', ')) ~ ")") -%}
        {#- The budget looks every ledger up in the cache. -#}
        {%- do adapter.cache_added(ledger) -%}
    {%- else -%}
        {%- set present = adapter.get_columns_in_relation(ledger) | map(attribute='name') | map('lower') | list -%}
        {%- for name, type in faultline.ai_ledger_columns() if name not in present -%}
            {%- do run_query("alter table " ~ ledger ~ " add column " ~ name ~ " " ~ type) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
