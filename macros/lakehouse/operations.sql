{#
    What is done to dynamic tables besides building them. `models` is a list of model names; empty means every dynamic
    table of the project. Tables are taken in the order of their sources.
#}

{# One refresh each:  dbt run-operation refresh --target lakehouse --args '{models: [inspections]}' #}
{% macro refresh(models=[], dry_run=false) -%}
    {%- do faultline.only_on_lakehouse('refresh') -%}
    {%- for relation in faultline.dynamic_relations(models, dry_run) -%}
        {%- do faultline.lakehouse_run_or_print(faultline.refresh_dynamic_table_sql(relation), dry_run) -%}
    {%- endfor -%}
    {%- if not dry_run -%}{{ log("Refreshed.", info=true) }}{%- endif -%}
{%- endmacro %}


{# Stops the engine's own refreshes, the farthest reader first. #}
{% macro suspend(models=[], dry_run=false) -%}
    {%- do faultline.only_on_lakehouse('suspend') -%}
    {%- for relation in faultline.dynamic_relations(models, dry_run) | reverse -%}
        {%- do faultline.lakehouse_run_or_print("alter dynamic table " ~ relation ~ " suspend", dry_run) -%}
    {%- endfor -%}
    {%- if not dry_run -%}{{ log("Suspended: dbt cannot refresh these tables either until they are resumed.", info=true) }}{%- endif -%}
{%- endmacro %}


{# Lets suspended dynamic tables refresh again, sources first. #}
{% macro resume(models=[], dry_run=false) -%}
    {%- do faultline.only_on_lakehouse('resume') -%}
    {%- for relation in faultline.dynamic_relations(models, dry_run) -%}
        {%- do faultline.lakehouse_run_or_print("alter dynamic table " ~ relation ~ " resume", dry_run) -%}
    {%- endfor -%}
    {%- if not dry_run -%}{{ log("Resumed.", info=true) }}{%- endif -%}
{%- endmacro %}


{#
    The refreshes of the last days, newest first. Fails where one was a full refresh of a table that costs money (its
    query calls an AI function) or where a refresh failed, so that a scheduler can alert on it.

        dbt run-operation refresh_history --target lakehouse --args '{limit: 50, alert_on_full: [inspections]}'
#}
{% macro refresh_history(limit=100, alert_on_full=[]) -%}
    {%- do faultline.only_on_lakehouse('refresh_history') -%}
    {%- if not execute -%}{{ return(none) }}{%- endif -%}
    {%- if limit | int < 1 or limit | int > 10000 -%}
        {{ exceptions.raise_compiler_error("refresh_history: limit is 1 to 10000, not " ~ limit ~ ".") }}
    {%- endif -%}
    {%- set costly = alert_on_full | list -%}
    {%- for node in faultline.models_in_order() if node.config.materialized == 'dynamic_table' -%}
        {%- if modules.re.search("(?i)\\bai_(classify|extract|complete|call)\\s*\\(", node.raw_code) -%}
            {%- do costly.append(node.alias) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set history = run_query(
        "show dynamic table refresh history where schema_name = " ~ faultline.sql_text(target.schema) ~ " limit " ~ (limit | int)
    ) -%}
    {{ log("%-36s %-20s %-10s %-12s %s" | format("table", "start", "state", "mode", "stats or error"), info=true) }}
    {%- set alerts = [] -%}
    {%- for row in history.rows -%}
        {{ log("%-36s %-20s %-10s %-12s %s" | format(
            row['name'], (row['start_time'] | string)[:19], row['state'], row['refresh_mode'] or '', row['error_message'] or row['stats']
        ), info=true) }}
        {%- if row['state'] == 'FAILED' -%}
            {%- do alerts.append(row['name'] ~ ": a refresh failed: " ~ row['error_message']) -%}
        {%- elif row['refresh_mode'] == 'FULL' and row['name'] in costly -%}
            {%- do alerts.append(row['name'] ~ ": a full refresh at " ~ row['start_time'] ~ "; every AI call in it was made again") -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if alerts -%}
        {{ exceptions.raise_compiler_error("Refreshes that need attention:\n  " ~ (alerts | join('\n  '))) }}
    {%- endif -%}
{%- endmacro %}


{#
    Whether Lakehouse could refresh a dynamic table incrementally, and why not (a preview feature of the engine).
    For the table of the inline mode run this before it goes live: if the answer is no, every refresh pays every call.
#}
{% macro explain_incremental(models=[]) -%}
    {%- do faultline.only_on_lakehouse('explain_incremental') -%}
    {%- if not execute -%}{{ return(none) }}{%- endif -%}
    {%- for relation in faultline.dynamic_relations(models) -%}
        {%- for row in run_query("set cz.optimizer.explain.can.incrementalize = true;\nexplain refresh dynamic table " ~ relation).rows -%}
            {%- if 'incrementalized' in (row[0] | string | lower) -%}
                {{ log("%-36s %s" | format(relation.identifier, row[0]), info=true) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}


{# The dynamic tables of some models, or of all, each after its sources; those that do not exist yet are left out. #}
{% macro dynamic_relations(models=[], with_missing=false) -%}
    {%- set names = [models] if models is string else models -%}
    {%- set found = [] -%}
    {%- set relations = [] -%}
    {%- for node in faultline.models_in_order() if node.config.materialized == 'dynamic_table' and (not names or node.name in names) -%}
        {%- do found.append(node.name) -%}
        {%- set relation = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias, type='dynamic_table') -%}
        {%- if with_missing or load_relation(relation) is not none -%}
            {%- do relations.append(relation) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in names if name not in found -%}
        {{ exceptions.raise_compiler_error("There is no dynamic table model '" ~ name ~ "'.") }}
    {%- endfor -%}
    {{ return(relations) }}
{%- endmacro %}
