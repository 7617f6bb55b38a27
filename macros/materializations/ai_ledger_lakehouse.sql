{#
    The AI ledger on Lakehouse (macros/lakehouse/ledger.sql says how a batch is made). What holds for the ledger on
    DuckDB holds here: rows are appended, --full-refresh does not touch the table, a batch is committed on its own,
    the budget is read before each batch.
#}
{% materialization ai_ledger, adapter='clickzetta' %}
    {%- set step = config.get('meta', {}).get('ai_step') -%}
    {%- set settings = faultline.ai_step_settings(step) -%}
    {%- if not settings.is_checked -%}
        {{ faultline.raise_ai_error("the seeds ai_models, ai_prompts and defect_categories are not built: run dbt seed or dbt build") }}
    {%- endif -%}
    {%- do faultline.check_presigned_url_time() -%}
    {%- set ledger = this.incorporate(type='table') -%}
    {%- set existing = load_relation(this) -%}
    {%- if existing is not none and not existing.is_table -%}
        {{ faultline.raise_ai_error(this ~ " is a " ~ existing.type ~ ", not a ledger: move it away first") }}
    {%- endif -%}
    {%- if should_full_refresh() -%}
        {{ log("AI ledger " ~ this.identifier ~ ": --full-refresh does not apply, answers are kept", info=true) }}
    {%- endif -%}

    {{ run_hooks(pre_hooks) }}

    {%- do faultline.lakehouse_use_utc() -%}
    {%- do faultline.create_ai_ledger(ledger, existing) -%}
    {%- if existing is not none -%}
        {%- do faultline.lakehouse_run(faultline.ai_collect_answers(settings, ledger)) -%}
        {%- do faultline.lakehouse_run(faultline.ai_record_statement_failures(settings, ledger)) -%}
    {%- endif -%}

    {%- set wanted_sql = sql -%}
    {%- set pending = faultline.ai_pending_counts(settings, wanted_sql, ledger) -%}
    {%- set allowed_reinferences = [pending.reinference, var('ai_reinference_calls') | int] | min -%}
    {%- set left_by_budget = namespace(calls=0) -%}
    {%- set batches = namespace(made=0) -%}
    {%- if pending.new + allowed_reinferences > 0 -%}
        {%- do faultline.check_ai_prompt_unchanged(settings, ledger) -%}
        {%- for entry in faultline.ai_batch_plan(settings, wanted_sql, ledger, allowed_reinferences) -%}
            {%- set left = namespace(calls=entry.calls) -%}
            {%- for _ in range(0, entry.calls) if left.calls > 0 -%}
                {%- set allowed = faultline.ai_calls_left(settings) -%}
                {%- set batch_size = ([left.calls, entry.batch_size] + ([allowed] if allowed is not none else [])) | min -%}
                {%- if batch_size <= 0 -%}
                    {%- set left_by_budget.calls = left_by_budget.calls + left.calls -%}
                    {%- set left.calls = 0 -%}
                {%- else -%}
                    {%- set batches.made = batches.made + 1 -%}
                    {%- set batch_id = invocation_id ~ '-' ~ settings.step ~ '-' ~ batches.made -%}
                    {%- do faultline.lakehouse_run(faultline.ai_journal_insert(settings, wanted_sql, ledger, batch_id, entry, batch_size)) -%}
                    {%- do faultline.lakehouse_run("/* faultline batch " ~ batch_id ~ " */ " ~ faultline.ai_ask_batch(settings, wanted_sql, ledger, batch_id)) -%}
                    {%- do faultline.lakehouse_run(faultline.ai_collect_answers(settings, ledger, batch_id)) -%}
                    {%- set left.calls = left.calls - batch_size -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}

    {%- call statement('main', fetch_result=true) -%}
        select
            count(*) as calls,
            coalesce(sum(case when state = 'failed' then 1 else 0 end), 0) as failed
        from {{ ledger }}
        where run_id = '{{ invocation_id }}'
    {%- endcall -%}
    {%- set made = load_result('main')['data'][0] -%}
    {{ log(
        "AI ledger " ~ this.identifier ~ ": " ~ made[0] ~ " calls (" ~ made[1] ~ " failed)"
        ~ ((", " ~ left_by_budget.calls ~ " left pending by the budget") if left_by_budget.calls else "")
        ~ ((", " ~ (pending.reinference - allowed_reinferences) ~ " re-inferences not made: see dbt run-operation plan_reinference")
            if pending.reinference > allowed_reinferences else ""),
        info=true
    ) }}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [ledger]}) }}
{% endmaterialization %}


{#
    A presigned URL is made in the statement that uses it and counts from its start: the whole batch has to be through
    before it runs out, at worst every call taking its full timeout, task_concurrency at a time.
#}
{% macro check_presigned_url_time() -%}
    {%- set options = faultline.ai_options() -%}
    {%- set rounds = (faultline.ai_batch_size() / options.task_concurrency) | round(0, 'ceil') | int -%}
    {%- set longest = rounds * options.response_timeout_seconds -%}
    {%- if longest > options.presigned_url_seconds -%}
        {{ faultline.raise_ai_error(
            "a batch of " ~ var('ai_batch_size') ~ " calls, " ~ options.task_concurrency ~ " at a time with a timeout of "
            ~ options.response_timeout_seconds ~ " s each, may take " ~ longest ~ " s, longer than the image URLs live ("
            ~ options.presigned_url_seconds ~ " s). Lower ai_batch_size or raise ai_options.presigned_url_seconds"
        ) }}
    {%- endif -%}
{%- endmacro %}
