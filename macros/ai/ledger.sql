{#
    The parts of the AI ledger: its columns, the keys that are still wanted, the statement of one batch, the budget.
    The materialization ai_ledger puts them together.
#}

{# Name and type of every ledger column, in order. #}
{% macro ai_ledger_columns() -%}
    {{ return([
        ('call_id', dbt.type_string()),
        ('step', dbt.type_string()),
        ('inspection_id', dbt.type_string()),
        ('content_key', dbt.type_string()),
        ('image_path', dbt.type_string()),
        ('model', dbt.type_string()),
        ('prompt_version', dbt.type_string()),
        ('prompt_md5', dbt.type_string()),
        ('backend', dbt.type_string()),
        ('attempt', dbt.type_bigint()),
        ('is_reinference', dbt.type_boolean()),
        ('state', dbt.type_string()),
        ('raw_response', dbt.type_string()),
        ('error', dbt.type_string()),
        ('is_retryable', dbt.type_boolean()),
        ('input_tokens', dbt.type_bigint()),
        ('output_tokens', dbt.type_bigint()),
        ('latency_ms', faultline.type_double()),
        ('finish_reason', dbt.type_string()),
        ('served_model', dbt.type_string()),
        ('request_count', dbt.type_bigint()),
        ('answered_for', dbt.type_string()),
        ('cost', faultline.type_double()),
        ('currency', dbt.type_string()),
        ('run_id', dbt.type_string()),
        ('called_at', dbt.type_timestamp()),
    ]) }}
{%- endmacro %}


{#
    What a ledger model selects: the requests of its step, each a key that should have an answer. The key is
    (inspection_id, content_key) of the request with the model and prompt version of the step.
#}
{% macro ai_wanted_keys(step, requests) -%}
    {%- set settings = faultline.ai_step_settings(step) -%}
    {#- The replay backend reads the recorded answers, so they have to be built before any ledger. -#}
    {%- do ref('ods_ai_recorded_answers') -%}
    select
        *,
        {{ faultline.sql_text(settings.model) }} as model,
        {{ faultline.sql_text(settings.prompt_version) }} as prompt_version
    from {{ requests }}
{%- endmacro %}


{#
    The wanted keys that a call may be made for now, with attempt and is_reinference. Not among them: keys that are
    answered, given up, or already tried in this run, those whose picture is gone, and those the backend has no answer for.
    A key is a re-inference where another model or prompt version has answered the same content.
#}
{% macro ai_pending_requests(settings, wanted_sql, ledger) -%}
    select
        request.*,
        coalesce(history.attempts, 0) + 1 as attempt,
        other_version.inspection_id is not null as is_reinference
    from (
{{ wanted_sql }}
    ) as request
    left join (
        select
            inspection_id,
            content_key,
            count(*) as attempts,
            sum(case when state = 'answered' or not is_retryable or run_id = '{{ invocation_id }}' then 1 else 0 end) as closing_calls
        from {{ ledger }}
        where
            model = {{ faultline.sql_text(settings.model) }}
            and prompt_version = {{ faultline.sql_text(settings.prompt_version) }}
        group by
            inspection_id,
            content_key
    ) as history
        on
            request.inspection_id = history.inspection_id
            and request.content_key = history.content_key
    left join (
        select distinct
            inspection_id,
            content_key
        from {{ ledger }}
        where
            state = 'answered'
            and not (
                model = {{ faultline.sql_text(settings.model) }}
                and prompt_version = {{ faultline.sql_text(settings.prompt_version) }}
            )
    ) as other_version
        on
            request.inspection_id = other_version.inspection_id
            and request.content_key = other_version.content_key
    where
        request.is_askable
        and coalesce(history.closing_calls, 0) = 0
        and coalesce(history.attempts, 0) < {{ var('ai_max_attempts') | int }}
        and {{ faultline.ai_backend_can_answer(settings, 'request') }}
{%- endmacro %}


{# How many pending keys there are: {'new': n, 'reinference': n}. #}
{% macro ai_pending_counts(settings, wanted_sql, ledger) -%}
    {%- set counts = run_query(
        "select coalesce(sum(case when is_reinference then 0 else 1 end), 0), "
        ~ "coalesce(sum(case when is_reinference then 1 else 0 end), 0) from ("
        ~ faultline.ai_pending_requests(settings, wanted_sql, ledger) ~ ") as pending"
    ).rows[0] -%}
    {{ return({'new': counts[0] | int, 'reinference': counts[1] | int}) }}
{%- endmacro %}


{# The var ai_batch_size. With 0 nothing would be asked, and the budget would be blamed for it. #}
{% macro ai_batch_size() -%}
    {%- if not modules.re.fullmatch('[1-9][0-9]*', var('ai_batch_size') | string) -%}
        {{ faultline.raise_ai_error("ai_batch_size is a whole number above 0, not " ~ var('ai_batch_size')) }}
    {%- endif -%}
    {{ return(var('ai_batch_size') | int) }}
{%- endmacro %}


{# The key of one call: what is asked, of whom, and which attempt it is. #}
{% macro ai_call_id(settings) -%}
    {{ return(dbt.hash(dbt.concat([
        faultline.sql_text(settings.step ~ '|' ~ settings.model ~ '|' ~ settings.prompt_version ~ '|'),
        "inspection_id", "'|'", "content_key", "'|'", "cast(attempt as " ~ dbt.type_string() ~ ")",
    ]))) }}
{%- endmacro %}


{#
    One batch: asks for the oldest pending keys, new ones or re-inferences, and appends one ledger row per call.
    A `condition` on the relation `pending` may take the place of is_reinference.
#}
{% macro ai_batch_insert(settings, wanted_sql, ledger, batch_size, is_reinference, condition=none) -%}
    {%- set batch_sql -%}
        select pending.*
        from (
{{ faultline.ai_pending_requests(settings, wanted_sql, ledger) }}
        ) as pending
        where {{ condition or ('pending.is_reinference' if is_reinference else 'not pending.is_reinference') }}
        order by
            pending.inspect_time,
            pending.inspection_id
        {{ 'limit ' ~ batch_size if batch_size is not none }}
    {%- endset -%}
    {%- set columns = [] -%}
    {%- for name, type in faultline.ai_ledger_columns() -%}
        {%- do columns.append(name) -%}
    {%- endfor -%}
    insert into {{ ledger }} ({{ columns | join(', ') }})
    select
        {{ faultline.ai_call_id(settings) }} as call_id,
        {{ faultline.sql_text(settings.step) }} as step,
        inspection_id,
        content_key,
        image_path,
        model,
        prompt_version,
        '{{ settings.prompt_md5 }}' as prompt_md5,
        {{ faultline.sql_text(faultline.ai_backend_name()) }} as backend,
        cast(attempt as {{ dbt.type_bigint() }}) as attempt,
        is_reinference,
        case when raw_response is not null then 'answered' else 'failed' end as state,
        raw_response,
        case when raw_response is null then coalesce(error, 'the model returned no answer') end as error,
        coalesce(is_retryable, true) as is_retryable,
        input_tokens,
        output_tokens,
        latency_ms,
        finish_reason,
        served_model,
        request_count,
        answered_for,
        {{ faultline.ai_cost(settings) }} as cost,
        {{ faultline.sql_text(settings.currency) if settings.currency else 'cast(null as ' ~ dbt.type_string() ~ ')' }} as currency,
        coalesce(asked_in, '{{ invocation_id }}') as run_id,
        coalesce(asked_at, {{ faultline.statement_time() }}) as called_at
    from (
{{ faultline.ai_answered_batch(settings, batch_sql) }}
    ) as answered
{%- endmacro %}


{# The batch with the answer beside each request. The AI expression stands in it once. #}
{% macro ai_answered_batch(settings, batch_sql) -%}
    {{ return(adapter.dispatch('ai_answered_batch', 'faultline')(settings, batch_sql)) }}
{%- endmacro %}

{% macro default__ai_answered_batch(settings, batch_sql) -%}
    {{ faultline.refuse_ai_adapter('the AI ledger') }}
{%- endmacro %}

{% macro duckdb__ai_answered_batch(settings, batch_sql) -%}
    select
        asked.* exclude (answer),
        answer.raw_response,
        answer.error,
        answer.is_retryable,
        answer.input_tokens,
        answer.output_tokens,
        answer.latency_ms,
        answer.finish_reason,
        answer.served_model,
        {{ faultline.ai_call_facts() }}
    from (
        select
            request.*,
            {{ faultline.ai_backend_answer(settings, 'request') }} as answer
        from (
{{ batch_sql }}
        ) as request
    ) as asked
{%- endmacro %}

{# What only the backend endpoint knows of a call: its requests, its price, and when and in which run it was really made. #}
{% macro ai_call_facts() -%}
    {%- if faultline.ai_backend_name() == 'endpoint' -%}
        answer.request_count,
        answer.cost as charged,
        answer.answered_for,
        answer.asked_at,
        answer.asked_in
    {%- else -%}
        cast(null as {{ dbt.type_bigint() }}) as request_count,
        cast(null as {{ faultline.type_double() }}) as charged,
        cast(null as {{ dbt.type_string() }}) as answered_for,
        cast(null as {{ dbt.type_timestamp() }}) as asked_at,
        cast(null as {{ dbt.type_string() }}) as asked_in
    {%- endif -%}
{%- endmacro %}


{#
    Money for one call: what the backend counted (the column charged), else from its tokens where they are known, else the
    estimate; NULL where the model has no price: unknown is not free.
#}
{% macro ai_cost(settings) -%}
    {%- if settings.estimated_cost is none -%}
        {{ return("cast(null as " ~ faultline.type_double() ~ ")") }}
    {%- endif -%}
    {{ return(
        "cast(coalesce(charged, input_tokens * " ~ settings.input_price ~ " / 1000000.0 + output_tokens * " ~ settings.output_price
        ~ " / 1000000.0, " ~ settings.estimated_cost ~ ") as " ~ faultline.type_double() ~ ")"
    ) }}
{%- endmacro %}


{# Every ledger of the project that exists. #}
{% macro ai_ledgers() -%}
    {%- set ledgers = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.materialized == 'ai_ledger' -%}
        {%- set ledger = adapter.get_relation(node.database, node.schema, node.alias) -%}
        {%- if ledger is not none -%}
            {%- do ledgers.append(ledger) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(ledgers) }}
{%- endmacro %}


{# The calls made under a ledger, answered or not, with what they cost. A row answered for the same content is no call. #}
{% macro ai_made_calls(ledger) -%}
    {{ return(adapter.dispatch('ai_made_calls', 'faultline')(ledger)) }}
{%- endmacro %}

{% macro default__ai_made_calls(ledger) -%}
    {%- set has_count = 'request_count' in (adapter.get_columns_in_relation(ledger) | map(attribute='name') | map('lower')) -%}
    {{ return(
        "select run_id, cost, called_at, "
        ~ ("case when request_count = 0 then 0 else 1 end" if has_count else "1") ~ " as calls from " ~ ledger
    ) }}
{%- endmacro %}

{# A statement that failed left nothing in the ledger, but its calls may have been paid: the journal has them all. #}
{% macro clickzetta__ai_made_calls(ledger) -%}
    {{ return("select run_id, cost, started_at as called_at, 1 as calls from " ~ faultline.ai_journal(ledger)) }}
{%- endmacro %}


{#
    How many more calls of this step the budget allows now, none for no limit. Calls and money are counted over all
    steps; the next call is taken at its estimated cost, so a limit is stopped at before it is passed.
#}
{% macro ai_calls_left(settings) -%}
    {%- set limits = {
        'calls_per_run': var('ai_max_calls_per_run'), 'calls_per_day': var('ai_max_calls_per_day'),
        'cost_per_run': var('ai_max_cost_per_run'), 'cost_per_day': var('ai_max_cost_per_day'),
    } -%}
    {%- if limits.values() | select('lt', 0) | list | length == 4 -%}
        {{ return(none) }}
    {%- endif -%}
    {%- if settings.estimated_cost is none and (limits.cost_per_run >= 0 or limits.cost_per_day >= 0) -%}
        {{ faultline.raise_ai_error(
            "a budget in money is set, but ai_models has no price for model '" ~ settings.model ~ "'"
        ) }}
    {%- endif -%}
    {%- if limits.cost_per_run >= 0 or limits.cost_per_day >= 0 -%}
        {%- do faultline.check_ai_budget_currency() -%}
    {%- endif -%}

    {%- set spent = faultline.ai_spent() -%}
    {%- set allowed = [] -%}
    {%- if limits.calls_per_run >= 0 -%}{%- do allowed.append(limits.calls_per_run - spent[0] | int) -%}{%- endif -%}
    {%- if limits.calls_per_day >= 0 -%}{%- do allowed.append(limits.calls_per_day - spent[1] | int) -%}{%- endif -%}
    {#- A hair is added before rounding down, so that a limit of exactly n calls allows n in floating point. -#}
    {%- if settings.estimated_cost -%}
        {%- if limits.cost_per_run >= 0 -%}
            {%- do allowed.append(((limits.cost_per_run - spent[2] | float) / settings.estimated_cost + 1e-9) | round(0, 'floor') | int) -%}
        {%- endif -%}
        {%- if limits.cost_per_day >= 0 -%}
            {%- do allowed.append(((limits.cost_per_day - spent[3] | float) / settings.estimated_cost + 1e-9) | round(0, 'floor') | int) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(([allowed | min, 0] | max) if allowed else none) }}
{%- endmacro %}


{# A budget in money is one sum over all steps: raises where the models of the steps are priced in several currencies. #}
{% macro check_ai_budget_currency() -%}
    {%- set currencies = [] -%}
    {%- for model in faultline.seed_rows(ref('ai_models')) or []
        if model.model in var('ai_step_models').values() and model.currency not in currencies
        and ((model.input_price_per_million_tokens or 0) | float > 0 or (model.output_price_per_million_tokens or 0) | float > 0) -%}
        {%- do currencies.append(model.currency) -%}
    {%- endfor -%}
    {%- if currencies | length > 1 -%}
        {{ faultline.raise_ai_error(
            "a budget in money is set, but the models of the steps are priced in " ~ (currencies | sort | join(' and '))
            ~ ", which cannot be added. Enter one currency in ai_models, or set a budget of calls"
        ) }}
    {%- endif -%}
{%- endmacro %}


{#
    What the ledgers say was spent: [calls of this run, calls of this UTC day, money of this run, money of this day].
#}
{% macro ai_spent() -%}
    {%- set selects = [] -%}
    {%- for ledger in faultline.ai_ledgers() -%}
        {%- do selects.append(faultline.ai_made_calls(ledger)) -%}
    {%- endfor -%}
    {%- if not selects -%}
        {{ return([0, 0, 0.0, 0.0]) }}
    {%- endif -%}
    {%- set is_of_run = "run_id = '" ~ invocation_id ~ "'" -%}
    {%- set is_of_day = "cast(called_at as date) = cast(" ~ faultline.statement_time() ~ " as date)" -%}
    {%- set spent = run_query(
        "select "
        ~ "coalesce(sum(case when " ~ is_of_run ~ " then calls else 0 end), 0), "
        ~ "coalesce(sum(case when " ~ is_of_day ~ " then calls else 0 end), 0), "
        ~ "coalesce(sum(case when " ~ is_of_run ~ " then cost else 0 end), 0), "
        ~ "coalesce(sum(case when " ~ is_of_day ~ " then cost else 0 end), 0) "
        ~ "from (" ~ (selects | join(' union all ')) ~ ") as calls"
    ).rows[0] -%}
    {{ return([spent[0] | int, spent[1] | int, spent[2] | float, spent[3] | float]) }}
{%- endmacro %}


{#
    Refuses to go on where a prompt's text, schema or labels changed under a version that has answers already: the
    ledger would hold answers to two different questions under one name.
#}
{% macro check_ai_prompt_unchanged(settings, ledger) -%}
    {%- set changed = run_query(
        "select count(*) from " ~ ledger ~ " where prompt_version = " ~ faultline.sql_text(settings.prompt_version)
        ~ " and prompt_md5 <> '" ~ settings.prompt_md5 ~ "'"
    ).rows[0][0] | int -%}
    {%- if changed > 0 -%}
        {{ faultline.raise_ai_error(
            "the text, schema or label set of prompt '" ~ settings.prompt_version ~ "' was changed after " ~ changed
            ~ " calls were made under that version. Give the new text a version of its own in ai_prompts and name it in "
            ~ "ai_step_prompts, or put the old text back"
        ) }}
    {%- endif -%}
{%- endmacro %}
