{#
    The first-connection checklist: what the documentation leaves open, tried on the Lakehouse at hand and told in plain
    words. Creates objects named faultline_doctor_* in the target schema and drops them again. With ask_ai it makes one
    text call of AI_CLASSIFY (it costs money); what needs pictures is listed at the end.

        dbt run-operation lakehouse_doctor --target lakehouse --args '{ask_ai: true}'

    An SQL error ends an operation, and nothing in dbt can catch it. So the checks run in order of risk and each says
    what it is about before it runs: the last line printed names the one that failed. `only` and `skip` take numbers.
#}
{% macro lakehouse_doctor(ask_ai=false, only=[], skip=[]) -%}
    {%- do faultline.only_on_lakehouse('lakehouse_doctor') -%}
    {%- if not execute -%}{{ return(none) }}{%- endif -%}
    {%- set scratch = api.Relation.create(database=target.database, schema=target.schema, identifier='faultline_doctor_source', type='table') -%}
    {%- set table = api.Relation.create(database=target.database, schema=target.schema, identifier='faultline_doctor_dt', type='dynamic_table') -%}
    {%- set checks = [
        (1, "connection, schema and session in UTC", "set cz.sql.timezone = UTC;\nselect cast(current_timestamp() as timestamp_ntz) as now_utc", "the engine's time in UTC is {0}"),
        (2, "string literals", "select length('it\\'s') as a, length('\\\\') as b, length('\\n') as c", "quote, backslash and newline have length {0}, {1}, {2}; 4, 1, 1 is right"),
        (3, "JSON literal with an escaped quote", "select get_json_object('{\"a\":\"say \\\\\"x\\\\\"\"}', '$.a') as a", "read back as {0}; say \"x\" is right"),
        (4, "casts give NULL, not an error", "select try_cast('2.1%' as double) as a, 1 / 0 as b", "2.1% is {0}, 1/0 is {1}; None, None is right"),
        (5, "regular expressions", "select regexp_replace(' a  b ', '[\\\\s\\\\p{Z}]+', ' ') as a, nullif(regexp_extract('x', '[0-9]+', 0), '') as b", "white space collapses to '{0}', no match is {1}; ' a b ' and None are right"),
        (6, "concat with NULL", "select concat('a', cast(null as string)) as a", "concat with NULL is {0}; the models do not depend on it"),
        (7, "local time of the plant, whatever the session", "select cast(from_utc_timestamp(cast('2026-01-01 00:00:00' as timestamp_ntz), " ~ faultline.sql_text(var('plant_timezone')) ~ ") as timestamp_ntz) as a", "midnight UTC of 1 January is {0} at the plant (" ~ var('plant_timezone') ~ ")"),
        (8, "offsets in times", "select dateadd(minute, -90, cast('2026-09-01 12:00:00' as timestamp_ntz)) as a", "12:00 less 90 minutes is {0}"),
        (16, "a group in a replacement", "select regexp_replace('nozzles ', '([a-z]+)s ', " ~ faultline.sql_text(faultline.first_group() ~ ' ') ~ ") as a", "'nozzles ' without its s is '{0}'; 'nozzle ' is right, else correct the macro first_group"),
        (17, "differences of times", "select datediff(second, cast('2026-01-01 00:00:00' as timestamp_ntz), cast('2026-01-01 01:30:00' as timestamp_ntz)) as a, datediff(hour, cast('2026-01-01 00:30:00' as timestamp_ntz), cast('2026-01-01 02:00:00' as timestamp_ntz)) as b", "an hour and a half is {0} seconds; from 0:30 to 2:00 are {1} hours: 1 counts whole hours, 2 counts hours begun (DuckDB: 2)"),
        (18, "words of a text in order", "select array_join(array_sort(array_distinct(split('b a b', ' '))), ' ') as a", "b a b becomes {0}; a b is right"),
        (9, "a plain table with change_tracking", none, "created, and its property set by ALTER TABLE ... SET PROPERTIES"),
        (10, "a dynamic table with comment, and its DDL read back", none, "created, refreshed, and the comment with its fingerprint stands in SHOW CREATE TABLE: {0}"),
        (11, "two refreshes", none, "the second refresh after one new row was {0}; INCREMENTAL is right"),
        (12, "EXPLAIN REFRESH", none, "{0}"),
        (13, "OR REPLACE with another query", none, "accepted; the refresh after it was {0}"),
        (14, "files of the volume " ~ var('image_volume'), "select count(*) as files from (" ~ faultline.image_files() ~ ") as files", "{0} files"),
        (15, "AI_CLASSIFY with a text (one paid call)", none, "answered: {0}"),
    ] -%}
    {%- for number, subject, query, finding in checks if number not in skip and (not only or number in only) and (number != 15 or ask_ai) -%}
        {{ log("%2d  %s" | format(number, subject), info=true) }}
        {%- if query is not none -%}
            {%- set row = run_query(query).rows[0].values() | list -%}
        {%- elif number == 9 -%}
            {%- do faultline.lakehouse_run("drop dynamic table if exists " ~ table) -%}
            {%- do faultline.lakehouse_run("drop table if exists " ~ scratch) -%}
            {%- do faultline.lakehouse_run(faultline.lakehouse_create_table_sql(scratch, [('id', 'bigint'), ('label', 'string')], [], none, "faultline doctor: may be dropped")) -%}
            {%- do faultline.lakehouse_track_changes(scratch) -%}
            {%- do faultline.lakehouse_run("insert into " ~ scratch ~ " values (cast(1 as bigint), 'a')") -%}
            {%- set row = [] -%}
        {%- elif number in (10, 13) -%}
            {%- set query_text = "select label, count(*) as rows_of_label" ~ (", max(id) as newest" if number == 13 else "") ~ " from " ~ scratch ~ " group by label" -%}
            {%- set settings = {'description': "it's a \\ test", 'columns': {}} -%}
            {%- do faultline.lakehouse_run(faultline.create_dynamic_table_sql(table, query_text, settings, 'faultline sql doctor' ~ number, [], number == 13)) -%}
            {%- do faultline.lakehouse_run(faultline.refresh_dynamic_table_sql(table, after_replace=number == 13)) -%}
            {%- set row = ['faultline sql doctor10' in faultline.lakehouse_ddl(table)] if number == 10 else [faultline.last_refresh_mode(table)] -%}
        {%- elif number == 11 -%}
            {%- do faultline.lakehouse_run("insert into " ~ scratch ~ " values (cast(2 as bigint), 'b')") -%}
            {%- do faultline.lakehouse_run(faultline.refresh_dynamic_table_sql(table)) -%}
            {%- set row = [faultline.last_refresh_mode(table)] -%}
        {%- elif number == 12 -%}
            {%- set row = [run_query("set cz.optimizer.explain.can.incrementalize = true;\nexplain refresh dynamic table " ~ table).rows[0][0]] -%}
        {%- elif number == 15 -%}
            {%- set settings = faultline.ai_step_settings('classify') -%}
            {%- set row = [run_query(
                "select ai_classify(" ~ faultline.sql_text(settings.provider_model_id) ~ ", 'a long scratch on the housing', array("
                ~ faultline.sql_text_list(settings.labels) ~ "), " ~ faultline.lakehouse_ai_options() ~ ") as answer"
            ).rows[0][0]] -%}
        {%- endif -%}
        {%- set text = namespace(value=finding) -%}
        {%- for value in row -%}
            {%- set text.value = text.value | replace('{' ~ loop.index0 ~ '}', value | string) -%}
        {%- endfor -%}
        {{ log("    " ~ text.value, info=true) }}
    {%- endfor -%}
    {%- do faultline.lakehouse_run("drop dynamic table if exists " ~ table) -%}
    {%- do faultline.lakehouse_run("drop table if exists " ~ scratch) -%}
    {{ log("", info=true) }}
    {{ log("Left to try by hand, because an error is one of the answers (docs/lakehouse.md, 'First connection'): AI_CLASSIFY of a", info=true) }}
    {{ log("missing picture (NULL or a failed statement?), a duplicate primary key, ALTER DYNAMIC TABLE ... REFRESH INTERVAL.", info=true) }}
{%- endmacro %}


{# The mode of the newest refresh of a dynamic table, NULL where the history has none. #}
{% macro last_refresh_mode(relation) -%}
    {%- set history = run_query(
        "show dynamic table refresh history where schema_name = " ~ faultline.sql_text(relation.schema)
        ~ " and name = " ~ faultline.sql_text(relation.identifier) ~ " limit 1"
    ).rows -%}
    {{ return(history[0]['refresh_mode'] if history else none) }}
{%- endmacro %}
