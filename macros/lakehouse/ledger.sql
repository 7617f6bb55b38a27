{#
    The AI ledger on Lakehouse. Two facts shape it: one failing row may fail its whole statement, and nothing in dbt can
    catch an SQL error; and an AI expression that is read twice may be evaluated twice. So a ledger has three helpers:

    <ledger>_journal             what is about to be asked, written and committed before each batch
    <ledger>_answers_raw         the raw answers of a batch; the only statement with an AI function, which stands in it once
    <ledger>_statement_errors    what Lakehouse said where a run ended in a failed statement, noted by on-run-end

    A batch whose statement failed has journal rows without answers. The next run asks the unsuspected keys first and
    then those again in parts of an eighth, until the poisoned row stands alone. When that fails too, the run after it
    writes the row into the ledger as failed, with the message. See docs/lakehouse.md for what this costs.
#}
{% macro ai_journal(ledger) -%}
    {{ return(ledger.incorporate(path={'identifier': ledger.identifier ~ '_journal'}, type='table')) }}
{%- endmacro %}

{% macro ai_answer_store(ledger) -%}
    {{ return(ledger.incorporate(path={'identifier': ledger.identifier ~ '_answers_raw'}, type='table')) }}
{%- endmacro %}

{% macro ai_statement_errors(ledger) -%}
    {{ return(ledger.incorporate(path={'identifier': ledger.identifier ~ '_statement_errors'}, type='table')) }}
{%- endmacro %}

{% macro ai_journal_columns() -%}
    {{ return([
        ('batch_id', 'string'), ('batch_size', 'bigint'), ('call_id', 'string'), ('step', 'string'),
        ('inspection_id', 'string'), ('content_key', 'string'), ('image_path', 'string'), ('model', 'string'),
        ('prompt_version', 'string'), ('prompt_md5', 'string'), ('attempt', 'bigint'), ('is_reinference', 'boolean'),
        ('cost', 'double'), ('currency', 'string'), ('run_id', 'string'), ('started_at', dbt.type_timestamp()),
    ]) }}
{%- endmacro %}

{% macro ai_answer_store_columns() -%}
    {{ return([
        ('batch_id', 'string'), ('call_id', 'string'), ('raw_response', 'string'), ('called_at', dbt.type_timestamp()),
    ]) }}
{%- endmacro %}

{% macro ai_statement_error_columns() -%}
    {{ return([
        ('run_id', 'string'), ('error', 'string'), ('is_service_fault', 'boolean'), ('noted_at', dbt.type_timestamp()),
    ]) }}
{%- endmacro %}


{# The ledger with its key and helpers; or what a newer version of the project brought. #}
{% macro clickzetta__create_ai_ledger(ledger, existing) -%}
    {%- set helpers = [faultline.ai_journal(ledger), faultline.ai_answer_store(ledger), faultline.ai_statement_errors(ledger)] -%}
    {%- set missing = [] -%}
    {%- for helper in helpers if load_relation(helper) is none -%}
        {%- do missing.append(helper) -%}
    {%- endfor -%}
    {%- if existing is none or missing -%}
        {%- for statement_text in faultline.ai_ledger_ddl(ledger) -%}
            {%- do faultline.lakehouse_run(statement_text) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if existing is not none -%}
        {%- set present = adapter.get_columns_in_relation(ledger) | map(attribute='name') | map('lower') | list -%}
        {%- for name, type in faultline.ai_ledger_columns() if name not in present -%}
            {%- do faultline.lakehouse_run("alter table " ~ ledger ~ " add column " ~ name ~ " " ~ type) -%}
        {%- endfor -%}
    {%- endif -%}
    {#- The budget and the hook on-run-end look them up in the cache. -#}
    {%- for created in missing + ([ledger] if existing is none else []) -%}
        {%- do adapter.cache_added(created) -%}
    {%- endfor -%}
{%- endmacro %}

{% macro ai_ledger_ddl(ledger) -%}
    {%- set journal = faultline.ai_journal(ledger) -%}
    {%- set statements = [
        faultline.lakehouse_create_table_sql(
            ledger, faultline.ai_ledger_columns(), ['called_at', 'call_id'], 'called_at',
            'Append-only record of AI calls: one row per call made. Never edited, never dropped: answers were paid for.',
            faultline.column_descriptions(ledger.identifier)
        ),
        faultline.lakehouse_change_tracking_sql(ledger),
        faultline.lakehouse_bloom_filter_sql(ledger, 'inspection_id'),
        faultline.lakehouse_create_table_sql(
            journal, faultline.ai_journal_columns(), ['started_at', 'batch_id', 'call_id'], 'started_at',
            'What was about to be asked, one row per call, written before the statement that asks.'
        ),
        faultline.lakehouse_bloom_filter_sql(journal, 'batch_id'),
        faultline.lakehouse_create_table_sql(
            faultline.ai_answer_store(ledger), faultline.ai_answer_store_columns(), ['called_at', 'batch_id', 'call_id'], 'called_at',
            'Raw answers as they came, one row per call that was answered.'
        ),
        faultline.lakehouse_create_table_sql(
            faultline.ai_statement_errors(ledger), faultline.ai_statement_error_columns(), ['run_id'], none,
            'What Lakehouse said where a run ended in a failed AI statement, one row per run.'
        ),
    ] -%}
    {{ return(statements) }}
{%- endmacro %}


{#
    Runs of a ledger that ended in a failed statement. Its batch is the one of the run without answers. Where the service
    was at fault, and not a row of the batch, nothing is suspected and no attempt is counted.
#}
{% macro ai_runs_ended_by_service(ledger) -%}
    {{ return("select run_id from " ~ faultline.ai_statement_errors(ledger) ~ " where is_service_fault") }}
{%- endmacro %}

{# What a bad picture shares with its other calls: the picture, whichever inspection and step it is asked for. #}
{% macro ai_suspect(relation) -%}
    {{ return("coalesce(" ~ relation ~ ".image_path, " ~ relation ~ ".inspection_id)") }}
{%- endmacro %}


{#
    The pending keys with suspected_batch: NULL for a key no failed statement held, else the size of the smallest failed
    batch it was in; 1 for a picture that failed alone before, in this step or another, and is asked alone at once.
#}
{% macro ai_suspected_requests(settings, wanted_sql, ledger) -%}
    select
        pending.*,
        case
            when alone.suspect is not null then 1
            else suspects.smallest_batch
        end as suspected_batch
    from (
{{ faultline.ai_pending_requests(settings, wanted_sql, ledger) }}
    ) as pending
    left join (
        select
            journal.inspection_id,
            journal.content_key,
            journal.attempt,
            min(journal.batch_size) as smallest_batch
        from {{ faultline.ai_journal(ledger) }} as journal
        left anti join ({{ faultline.ai_runs_ended_by_service(ledger) }}) as outage
            on journal.run_id = outage.run_id
        where
            journal.model = {{ faultline.sql_text(settings.model) }}
            and journal.prompt_version = {{ faultline.sql_text(settings.prompt_version) }}
        group by
            journal.inspection_id,
            journal.content_key,
            journal.attempt
    ) as suspects
        on
            pending.inspection_id = suspects.inspection_id
            and pending.content_key = suspects.content_key
            and pending.attempt = suspects.attempt
    left join (
        select distinct {{ faultline.ai_suspect('failed_call') }} as suspect
        from (
        {%- for known_ledger in faultline.ai_ledgers() %}
            select
                inspection_id,
                image_path
            from {{ known_ledger }}
            where finish_reason = 'statement_failed'
            {{ 'union all' if not loop.last }}
        {%- endfor %}
        ) as failed_call
    ) as alone
        on {{ faultline.ai_suspect('pending') }} = alone.suspect
{%- endmacro %}


{#
    What a run has to ask, in the order in which it asks: a list of {is_reinference, suspected_batch, calls, batch_size}.
    Unsuspected keys come first, the most suspected last: what a failing statement ends is then as little as possible.
#}
{% macro ai_batch_plan(settings, wanted_sql, ledger, allowed_reinferences) -%}
    {%- set plan = [] -%}
    {%- set counts = run_query(
        "select is_reinference, suspected_batch, count(*) as calls from ("
        ~ faultline.ai_suspected_requests(settings, wanted_sql, ledger) ~ ") as pending group by is_reinference, suspected_batch"
    ).rows -%}
    {%- set left = namespace(reinferences=allowed_reinferences) -%}
    {%- for size in [none] + (counts | map(attribute=1) | reject('none') | map('int') | unique | sort(reverse=true) | list) -%}
        {%- for is_reinference in [false, true] -%}
            {%- for row in counts if row[0] == is_reinference and (row[1] is none) == (size is none) and (size is none or row[1] | int == size) -%}
                {%- set calls = [row[2] | int, left.reinferences] | min if is_reinference else row[2] | int -%}
                {%- if is_reinference -%}{%- set left.reinferences = left.reinferences - calls -%}{%- endif -%}
                {%- if calls > 0 -%}
                    {%- do plan.append({
                        'is_reinference': is_reinference,
                        'suspected_batch': size,
                        'calls': calls,
                        'batch_size': faultline.ai_batch_size() if size is none else (size + 7) // 8,
                    }) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(plan) }}
{%- endmacro %}


{# Writes down what the next batch asks: the oldest keys of one entry of the plan. #}
{% macro ai_journal_insert(settings, wanted_sql, ledger, batch_id, entry, batch_size) -%}
    insert into {{ faultline.ai_journal(ledger) }} ({{ faultline.ai_journal_columns() | map(attribute=0) | join(', ') }})
    select
        '{{ batch_id }}' as batch_id,
        cast(count(*) over () as bigint) as batch_size,
        {{ faultline.ai_call_id(settings) }} as call_id,
        {{ faultline.sql_text(settings.step) }} as step,
        inspection_id,
        content_key,
        image_path,
        model,
        prompt_version,
        '{{ settings.prompt_md5 }}' as prompt_md5,
        cast(attempt as bigint) as attempt,
        is_reinference,
        cast({{ settings.estimated_cost if settings.estimated_cost is not none else 'null' }} as double) as cost,
        cast({{ faultline.sql_text(settings.currency) if settings.currency else 'null' }} as string) as currency,
        '{{ invocation_id }}' as run_id,
        {{ faultline.statement_time() }} as started_at
    from (
        select suspected.*
        from (
{{ faultline.ai_suspected_requests(settings, wanted_sql, ledger) }}
        ) as suspected
        where
            {{ 'suspected.is_reinference' if entry.is_reinference else 'not suspected.is_reinference' }}
            and suspected.suspected_batch {{ 'is null' if entry.suspected_batch is none else '= ' ~ entry.suspected_batch }}
        order by
            suspected.inspect_time,
            suspected.inspection_id
        limit {{ batch_size }}
    ) as batch
{%- endmacro %}


{#
    Asks for one batch and stores the raw answers. The AI expression is an output column and nothing else reads it.
    The comment finds the statement in information_schema.job_history.
#}
{% macro ai_ask_batch(settings, wanted_sql, ledger, batch_id) -%}
    insert into {{ faultline.ai_answer_store(ledger) }} (batch_id, call_id, raw_response, called_at)
    select
        request.batch_id,
        request.call_id,
        {{ faultline.ai_call(settings, 'request') }} as raw_response,
        {{ faultline.statement_time() }} as called_at
    from (
        select
            journal.batch_id,
            journal.call_id,
            wanted.*
        from (
{{ wanted_sql }}
        ) as wanted
        inner join {{ faultline.ai_journal(ledger) }} as journal
            on
                wanted.inspection_id = journal.inspection_id
                and wanted.content_key = journal.content_key
        where journal.batch_id = '{{ batch_id }}'
    ) as request
{%- endmacro %}


{#
    Answers that are stored and not in the ledger yet: of one batch, or of whatever runs left behind that were killed. A
    call that was asked twice, because its first answer came after its run was given up, has one row: its first answer.
#}
{% macro ai_collect_answers(settings, ledger, batch_id=none) -%}
    insert into {{ ledger }} ({{ faultline.ai_ledger_columns() | map(attribute=0) | join(', ') }})
    select
        {{ faultline.ai_ledger_row("answers.called_at", "answers.raw_response", "'the model returned no answer'", "true", "null") }}
    from (
        select
            *,
            row_number() over (
                partition by call_id
                order by called_at asc, batch_id asc
            ) as arrival
        from {{ faultline.ai_answer_store(ledger) }}
        {{ "where batch_id = '" ~ batch_id ~ "'" if batch_id is not none }}
    ) as answers
    inner join {{ faultline.ai_journal(ledger) }} as journal
        on
            answers.batch_id = journal.batch_id
            and answers.call_id = journal.call_id
    left anti join {{ ledger }} as known
        on answers.call_id = known.call_id
    where answers.arrival = 1
{%- endmacro %}


{#
    Calls of earlier runs that were made alone and have no answer. Given up for good is a row whose statement is known to
    have failed in a run in which others were answered: the service was up, the row is at fault. Else (nothing was
    answered, or the run was killed and nobody knows) it is one attempt of ai_max_attempts.
#}
{% macro ai_record_statement_failures(settings, ledger) -%}
    insert into {{ ledger }} ({{ faultline.ai_ledger_columns() | map(attribute=0) | join(', ') }})
    select
        {{ faultline.ai_ledger_row(
            "journal.started_at",
            "cast(null as string)",
            "concat(coalesce(errors.error, 'the run ended before this call was answered'), ' (asked alone, batch ', journal.batch_id, ' of information_schema.job_history)')",
            "(errors.run_id is null or served.run_id is null)",
            "'statement_failed'"
        ) }}
    from (
        select
            *,
            row_number() over (
                partition by call_id
                order by started_at desc, batch_id desc
            ) as newest
        from {{ faultline.ai_journal(ledger) }}
        where
            batch_size = 1
            and run_id <> '{{ invocation_id }}'
    ) as journal
    left anti join ({{ faultline.ai_runs_ended_by_service(ledger) }}) as outage
        on journal.run_id = outage.run_id
    left anti join {{ ledger }} as known
        on journal.call_id = known.call_id
    left anti join {{ faultline.ai_answer_store(ledger) }} as answers
        on journal.call_id = answers.call_id
    left join {{ faultline.ai_statement_errors(ledger) }} as errors
        on journal.run_id = errors.run_id
    left join (
        select distinct asked.run_id
        from {{ faultline.ai_journal(ledger) }} as asked
        inner join {{ faultline.ai_answer_store(ledger) }} as answered
            on
                asked.batch_id = answered.batch_id
                and asked.call_id = answered.call_id
    ) as served
        on journal.run_id = served.run_id
    where journal.newest = 1
{%- endmacro %}


{#
    on-run-end: what Lakehouse said of a failed AI statement. The run that comes next cannot ask for it any more: the job
    history of the workspace is minutes late and open to its administrators only. On other engines nothing.
#}
{% macro note_failed_ai_statements(results) -%}
    {{ return(adapter.dispatch('note_failed_ai_statements', 'faultline')(results)) }}
{%- endmacro %}

{% macro default__note_failed_ai_statements(results) -%}
    {{ return('') }}
{%- endmacro %}

{% macro clickzetta__note_failed_ai_statements(results) -%}
    {%- for result in results if execute and result.status == 'error' and result.node.config.materialized == 'ai_ledger' -%}
        {%- set ledger = api.Relation.create(database=result.node.database, schema=result.node.schema, identifier=result.node.alias, type='table') -%}
        {%- if not (result.message or '').startswith('Compilation Error') and load_relation(faultline.ai_statement_errors(ledger)) is not none -%}
            {%- set message = faultline.ai_error_text(result.message or 'unknown error') -%}
            {%- do faultline.lakehouse_run(
                faultline.lakehouse_utc() ~ ";\ninsert into " ~ faultline.ai_statement_errors(ledger)
                ~ " (" ~ (faultline.ai_statement_error_columns() | map(attribute=0) | join(', ')) ~ ")\nselect '" ~ invocation_id ~ "' as run_id, "
                ~ faultline.sql_text(message) ~ " as error, " ~ (faultline.is_ai_service_fault(message) | string | lower) ~ " as is_service_fault, "
                ~ faultline.statement_time() ~ " as noted_at"
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return('') }}
{%- endmacro %}

{# The words of the engine out of dbt's message, on one line, as a text that can be sent; of a URL without its signature. #}
{% macro ai_error_text(message) -%}
    {%- set lines = [] -%}
    {%- for line in message.split('\n') if line.strip() and not modules.re.match('(Runtime|Database) Error', line) -%}
        {%- do lines.append(line.strip()) -%}
    {%- endfor -%}
    {%- set text = namespace(value=modules.re.sub('(https?://[^\\s?]+)[?]\\S*', '\\1', lines | join(' '))) -%}
    {%- for poison in faultline.lakehouse_poisons() -%}
        {%- set text.value = text.value | replace(poison, '...') -%}
    {%- endfor -%}
    {{ return(text.value[:1000]) }}
{%- endmacro %}

{#
    Faults of the AI service that no picture is to blame for: an endpoint that is not there, a wrong name, a used-up quota, as
    the documentation words them, and a rate limit, which it does not.
#}
{% macro is_ai_service_fault(message) -%}
    {{ return(modules.re.search(
        '(?i)no available endpoints|invalid model coordinates|quota exceeded|rate limit|too many requests', message
    ) is not none) }}
{%- endmacro %}


{# A ledger row from its journal row. The functions give no usage back: tokens are unknown, the price is the estimate. #}
{% macro ai_ledger_row(called_at, raw_response, error, is_retryable, finish_reason) -%}
        journal.call_id,
        journal.step,
        journal.inspection_id,
        journal.content_key,
        journal.image_path,
        journal.model,
        journal.prompt_version,
        journal.prompt_md5,
        'lakehouse' as backend,
        journal.attempt,
        journal.is_reinference,
        case when {{ raw_response }} is not null then 'answered' else 'failed' end as state,
        {{ raw_response }} as raw_response,
        case when {{ raw_response }} is null then {{ error }} end as error,
        {{ is_retryable }} as is_retryable,
        cast(null as bigint) as input_tokens,
        cast(null as bigint) as output_tokens,
        cast(null as double) as latency_ms,
        cast({{ finish_reason }} as string) as finish_reason,
        cast(null as string) as served_model,
        cast(1 as bigint) as request_count,
        cast(null as string) as answered_for,
        journal.cost,
        journal.currency,
        journal.run_id,
        {{ called_at }} as called_at
{%- endmacro %}
