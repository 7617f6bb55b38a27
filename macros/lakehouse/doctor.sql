{#
    The first-connection checklist: what the documentation leaves open, tried on the Lakehouse at hand and told in plain
    words. Creates objects named faultline_doctor_* in the target schema and drops them again.

        dbt run-operation lakehouse_doctor --target lakehouse                                       free
        dbt run-operation lakehouse_doctor --target lakehouse --args '{ask_ai: true}'               and one paid call with text
        dbt run-operation lakehouse_doctor --target lakehouse --args '{picture: day1/part7.png}'    and about four with a picture
        dbt run-operation lakehouse_doctor --target lakehouse --args '{only: [34]}'                 one question
    Before the seeds are built name the model:  --args '{ask_ai: true, model: "endpoint:qwen3.5-plus"}'

    An SQL error ends an operation, and nothing in dbt can catch it. So each check says what it is about before it runs,
    and where an error is one of the answers the check runs only when `only` names it, and says what an error means.
    `dry_run` prints every check and its statements and sends nothing.
#}
{% macro lakehouse_doctor(ask_ai=false, picture=none, model=none, only=[], skip=[], dry_run=false) -%}
    {%- do faultline.only_on_lakehouse('lakehouse_doctor') -%}
    {%- if not execute -%}{{ return(none) }}{%- endif -%}
    {%- set objects = faultline.doctor_objects() -%}
    {%- set chosen = [] -%}
    {#- Only a paid check looks into the seeds: on a first connection there are none. -#}
    {%- if not model and (ask_ai or picture or 31 in only) and not dry_run -%}
        {%- set model = faultline.ai_step_settings('classify').provider_model_id -%}
    {%- endif -%}
    {%- for check in faultline.doctor_checks(objects, model or 'endpoint:<name>', picture or 'a picture in the volume') -%}
        {%- if dry_run or check.number in only or (
            not only and check.number not in skip and not check.error_means
            and (check.needs == 'nothing' or (check.needs == 'ask_ai' and ask_ai) or (check.needs == 'picture' and picture))
        ) -%}
            {%- if check.needs == 'picture' and not picture and not dry_run -%}
                {{ exceptions.raise_compiler_error("Check " ~ check.number ~ " takes a picture of the volume: --args '{picture: <path>, only: [" ~ check.number ~ "]}'.") }}
            {%- endif -%}
            {%- do chosen.append(check) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for statement_text in faultline.doctor_table(objects.table) -%}
        {%- if loop.index == 2 and not dry_run -%}{%- do faultline.doctor_clean_up(objects) -%}{%- endif -%}
        {%- do faultline.lakehouse_run_or_print(statement_text, dry_run) -%}
    {%- endfor -%}
    {%- for check in chosen -%}
        {%- set lines = ["%2d  %s" | format(check.number, check.subject)] -%}
        {%- if check.error_means -%}
            {%- do lines.append("    An error now means: " ~ check.error_means) -%}
        {%- endif -%}
        {%- for line in lines -%}
            {{ print("-- " ~ line) if dry_run else log(line, info=true) }}
        {%- endfor -%}
        {%- for statement_text in check.statements + ([check.query] if check.query and dry_run else []) -%}
            {%- do faultline.lakehouse_run_or_print(statement_text | trim, dry_run) -%}
        {%- endfor -%}
        {%- if not dry_run -%}
            {{ log("    " ~ faultline.doctor_finding(check), info=true) }}
        {%- endif -%}
    {%- endfor -%}
    {%- if not dry_run -%}{%- do faultline.doctor_clean_up(objects) -%}{%- endif -%}
    {%- if not only and not dry_run -%}
        {{ log("Left: the checks where an error is one of the answers, one run each (docs/lakehouse.md, 'First connection').", info=true) }}
    {%- endif -%}
{%- endmacro %}


{# What the doctor creates and drops, by what it is for. #}
{% macro doctor_objects() -%}
    {%- set objects = {} -%}
    {%- for name, type in [
        ('table', 'table'), ('other', 'table'), ('view', 'view'), ('dynamic', 'dynamic_table'), ('over_view', 'dynamic_table'), ('with_ai', 'dynamic_table')
    ] -%}
        {%- do objects.update({name: api.Relation.create(
            database=target.database, schema=target.schema, identifier='faultline_doctor_' ~ name, type=type
        )}) -%}
    {%- endfor -%}
    {{ return(objects) }}
{%- endmacro %}

{# Drops whatever of it is there, readers first. #}
{% macro doctor_clean_up(objects) -%}
    {%- for name in ['with_ai', 'over_view', 'dynamic'] -%}
        {%- do faultline.lakehouse_run("drop dynamic table if exists " ~ objects[name]) -%}
    {%- endfor -%}
    {%- do faultline.lakehouse_run("drop view if exists " ~ objects.view) -%}
    {%- do faultline.lakehouse_run("drop table if exists " ~ objects.other) -%}
    {%- do faultline.lakehouse_run("drop table if exists " ~ objects.table) -%}
{%- endmacro %}

{# The statements of the table that the checks read: one row, changes followed. An empty workspace has no schema yet. #}
{% macro doctor_table(relation) -%}
    {{ return([
        "create schema if not exists " ~ relation.database ~ "." ~ relation.schema,
        faultline.lakehouse_create_table_sql(relation, [('id', 'bigint'), ('label', 'string')], [], none, "faultline doctor: may be dropped"),
        faultline.lakehouse_change_tracking_sql(relation),
        "insert into " ~ relation ~ " values (cast(1 as bigint), 'a')",
    ]) }}
{%- endmacro %}


{# The finding of a check in words: {0} is the first value of the first row, {name} that of a column. #}
{% macro doctor_finding(check) -%}
    {%- set text = namespace(value=check.finding) -%}
    {%- if check.query -%}
        {%- set rows = run_query(check.query).rows -%}
        {%- set row = rows[0] if rows else {} -%}
        {%- for name in row.keys() -%}
            {%- set value = row[name] | string -%}
            {#- Of a URL its host alone: the rest opens the picture. -#}
            {%- set value = modules.re.sub("^(https?://[^/]+)/.*$", "\\1", value) -%}
            {%- set text.value = text.value | replace('{' ~ loop.index0 ~ '}', value) | replace('{' ~ (name | lower) ~ '}', value) -%}
        {%- endfor -%}
        {%- if check.holds -%}
            {%- set said = row.values() | join(' ') -%}
            {%- set text.value = text.value | replace('{holds}', 'yes' if check.holds in said else 'NO') -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(text.value) }}
{%- endmacro %}


{#
    Every check: number, subject, statements that come first, the query of the finding, the finding, what it needs
    (nothing, ask_ai, picture), and, where an error is an answer, what that answer is. 14 to 16 build on 13, 23 on 22.
#}
{% macro doctor_checks(objects, model, picture) -%}
    {%- set explain = "set cz.optimizer.explain.can.incrementalize = true;\nexplain refresh dynamic table " -%}
    {%- set plain = {'description': "it's a \\ test", 'columns': {}} -%}
    {%- set grouped = "select label, count(*) as rows_of_label from " ~ objects.table ~ " group by label" -%}
    {%- set model = faultline.sql_text(model) -%}
    {%- set volume = var('image_volume') -%}
    {%- set labels = "array('Appearance Defect', 'No Defect'), " ~ faultline.lakehouse_ai_options() -%}
    {%- set url = "get_presigned_url(" ~ volume ~ ", " ~ faultline.sql_text(picture) ~ ", 36000)" -%}
    {%- set picture_call = "ai_classify(" ~ model ~ ", (get_presigned_url(" ~ volume ~ ", path, 36000) as image), " ~ labels ~ ")" -%}
    {%- set with_ai = "select id, " ~ picture_call ~ " as answer from (select id, " ~ faultline.sql_text(picture) ~ " as path from " ~ objects.table ~ ") as pictures" -%}
    {%- set checks = [] -%}
    {%- for number, subject, statements, query, finding in [
        (1, "connection, schema and session in UTC", [], "set cz.sql.timezone = UTC;\nselect cast(current_timestamp() as timestamp_ntz) as now_utc", "the engine's time in UTC is {0}; a table was created, and its change_tracking set by ALTER TABLE ... SET PROPERTIES"),
        (2, "string literals", [], "select length('it\\'s') as a, length('\\\\') as b, length('\\n') as c", "quote, backslash and newline have length {0}, {1}, {2}; 4, 1, 1 is right"),
        (3, "JSON literal with an escaped quote", [], "select json_extract_string(JSON'{\"a\":\"say \\\\\"x\\\\\"\"}', '$.a') as a, get_json_object('{\"a\":\"say \\\\\"x\\\\\"\"}', '$.a') as b", "read back as {0} and {1}; say \"x\" is right for both"),
        (4, "casts give NULL, not an error", [], "select try_cast('2.1%' as double) as a, 1 / 0 as b", "2.1% is {0}, 1/0 is {1}; None, None is right"),
        (5, "regular expressions", [], "select regexp_replace(' a  b ', '[\\\\s\\\\p{Z}]+', ' ') as a, nullif(regexp_extract('x', '[0-9]+', 0), '') as b", "white space collapses to '{0}', no match is {1}; ' a b ' and None are right"),
        (6, "a group in a replacement", [], "select regexp_replace('nozzles ', '([a-z]+)s ', " ~ faultline.sql_text(faultline.first_group() ~ ' ') ~ ") as a", "'nozzles ' without its s is '{0}'; 'nozzle ' is right, else correct the macro first_group"),
        (7, "concat with NULL", [], "select concat('a', cast(null as string)) as a", "concat with NULL is {0}; the models do not depend on it"),
        (8, "words of a text in order", [], "select array_join(array_sort(array_distinct(split('b a b', ' '))), ' ') as a", "b a b becomes {0}; a b is right"),
        (9, "local time of the plant, whatever the session", [], "set cz.sql.timezone = UTC;\nselect cast(from_utc_timestamp(cast('2026-01-01 00:00:00' as timestamp_ntz), " ~ faultline.sql_text(var('plant_timezone')) ~ ") as timestamp_ntz) as a", "midnight UTC of 1 January is {0} at the plant (" ~ var('plant_timezone') ~ ")"),
        (10, "offsets in times", [], "select " ~ dbt.dateadd('minute', -90, "cast('2026-09-01 12:00:00' as timestamp_ntz)") ~ " as a", "12:00 less 90 minutes is {0}"),
        (11, "differences of times", [], "select datediff(second, cast('2026-01-01 00:00:00' as timestamp_ntz), cast('2026-01-01 01:30:00' as timestamp_ntz)) as a, datediff(hour, cast('2026-01-01 00:30:00' as timestamp_ntz), cast('2026-01-01 02:00:00' as timestamp_ntz)) as b", "an hour and a half is {0} seconds; from 0:30 to 2:00 are {1} hours: 1 counts whole hours, as documented, 2 counts hours begun (DuckDB: 2)"),
        (12, "files of the volume " ~ volume, [], "select count(*) as files from (" ~ faultline.image_files() ~ ") as files", "{0} files"),
        (13, "a dynamic table with comment, and its DDL read back", [
            faultline.create_dynamic_table_sql(objects.dynamic, grouped, plain, 'faultline sql doctor13'), faultline.refresh_dynamic_table_sql(objects.dynamic),
        ], "show create table " ~ objects.dynamic, "created and refreshed; the fingerprint in its comment stands in SHOW CREATE TABLE: {holds}; without it every run would replace every table"),
        (14, "two refreshes", [
            "insert into " ~ objects.table ~ " values (cast(2 as bigint), 'b')", faultline.refresh_dynamic_table_sql(objects.dynamic),
        ], faultline.last_refresh_sql(objects.dynamic), "the second refresh after one new row was {refresh_mode}; INCREMENTAL is right"),
        (15, "EXPLAIN REFRESH", [], explain ~ objects.dynamic, "{0}"),
        (16, "OR REPLACE with another query", [
            faultline.create_dynamic_table_sql(objects.dynamic, "select label, max(id) as newest from " ~ objects.table ~ " group by label", plain, 'faultline sql doctor16', [], true),
            faultline.refresh_dynamic_table_sql(objects.dynamic, after_replace=true),
        ], faultline.last_refresh_sql(objects.dynamic), "accepted; the refresh after it was {refresh_mode}; if it was refused with CZLH-42000 set lakehouse: {recreate: true}"),
        (17, "a dynamic table over a view", [
            "create view " ~ objects.view ~ " as select id, label from " ~ objects.table,
            faultline.create_dynamic_table_sql(objects.over_view, "select label, count(*) as rows_of_label from " ~ objects.view ~ " group by label", plain, 'faultline sql doctor17'),
        ], explain ~ objects.over_view, "{0}; the project has no view below a dynamic table, whatever the answer"),
    ] -%}
        {%- do checks.append({'number': number, 'subject': subject, 'statements': statements, 'query': query, 'finding': finding, 'needs': 'nothing', 'error_means': none, 'holds': 'faultline sql doctor13' if number == 13 else none}) -%}
    {%- endfor -%}
    {%- for number, subject, statements, query, finding, needs in [
        (19, "AI_CLASSIFY of a text (one paid call)", [], "select ai_classify(" ~ model ~ ", 'a long scratch on the housing', " ~ labels ~ ") as answer", "answered: {0}", 'ask_ai'),
        (20, "GET_PRESIGNED_URL of " ~ volume, [], "select " ~ url ~ " as url", "made by {0}; an intranet host cannot be reached by a model outside (SET cz.sql.function.get.presigned.url.force.external = true)", 'picture'),
        (21, "AI_CLASSIFY of a picture (one paid call)", [], "select " ~ picture_call ~ " as answer from (select " ~ faultline.sql_text(picture) ~ " as path) as pictures", "answered: {0}", 'picture'),
        (22, "a dynamic table with AI_CLASSIFY and GET_PRESIGNED_URL", [
            faultline.create_dynamic_table_sql(objects.with_ai, with_ai, plain, 'faultline sql doctor22'),
        ], explain ~ objects.with_ai, "{0}; inference_mode inline pays every call again wherever this says no", 'picture'),
        (23, "two refreshes of it (a paid call for each row)", [
            faultline.refresh_dynamic_table_sql(objects.with_ai), "insert into " ~ objects.table ~ " values (cast(3 as bigint), 'c')", faultline.refresh_dynamic_table_sql(objects.with_ai),
        ], faultline.last_refresh_sql(objects.with_ai), "the second was {refresh_mode}, {stats}; compare the calls in the Gateway console: one for the new row, or one for every row?", 'picture'),
    ] -%}
        {%- do checks.append({'number': number, 'subject': subject, 'statements': statements, 'query': query, 'finding': finding, 'needs': needs, 'error_means': none, 'holds': none}) -%}
    {%- endfor -%}
    {%- set keyed = [('at', 'timestamp_ntz'), ('id', 'string')] -%}
    {%- set twice = "insert into " ~ objects.other ~ " select cast('2026-01-01 00:00:00' as timestamp_ntz), 'a'" -%}
    {%- for number, subject, statements, query, finding, needs, error_means in [
        (31, "AI_CLASSIFY of a picture that is not there (one paid call)", [], "select ai_classify(" ~ model ~ ", (get_presigned_url(" ~ volume ~ ", 'faultline/no such picture.png', 36000) as image), " ~ labels ~ ") as answer", "answered: {0}; NULL becomes a failed call in the ledger, and the rest of a batch lands", 'nothing', "a missing picture fails the statement of its whole batch; lakehouse-build then singles it out."),
        (32, "ALTER DYNAMIC TABLE ... REFRESH INTERVAL", [
            faultline.create_dynamic_table_sql(objects.dynamic, grouped, plain, 'faultline sql doctor32'), "alter dynamic table " ~ objects.dynamic ~ " refresh interval 10 minute",
        ], none, "accepted; the project replaces the table instead, so nothing has to change", 'nothing', "as documented: an interval changes by OR REPLACE alone, which is what the project does."),
        (33, "a key whose partition column is not its first", [
            faultline.lakehouse_create_table_sql(objects.other, keyed, ['id', 'at'], none) ~ "\npartitioned by (days(at))",
        ], none, "accepted; the landing tables put it first all the same", 'nothing', "the partition column has to come first, as the landing tables have it."),
        (34, "the same key twice", [
            faultline.lakehouse_create_table_sql(objects.other, keyed, ['at', 'id'], 'at'), twice, twice,
        ], "select count(*) as rows_kept from " ~ objects.other, "{0} rows are kept: 1 means that the second was dropped without a word, 2 that the key is not checked", 'nothing', "a repeated key fails its INSERT: a loader of the landing has to leave rows out that are there."),
        (35, "ALTER TABLE ... SET TBLPROPERTIES", [
            "alter table " ~ objects.table ~ " set tblproperties('change_tracking'='true')",
        ], none, "accepted as well as SET PROPERTIES", 'nothing', "SET PROPERTIES is the only spelling, which is what the project writes."),
        (36, "a stream on a table without change_tracking", [
            faultline.lakehouse_create_table_sql(objects.other, keyed), "create table stream " ~ objects.other ~ "_stream on table " ~ objects.other ~ " with properties('TABLE_STREAM_MODE'='APPEND_ONLY')", "drop table stream " ~ objects.other ~ "_stream",
        ], none, "accepted; the project uses no stream", 'nothing', "streams need change_tracking; the project uses none."),
        (37, "CREATE OR REPLACE TABLE", [
            "create or replace table " ~ objects.other ~ " (id bigint)",
        ], none, "accepted; the project does not use it", 'nothing', "as one page says: not supported; the project does not use it."),
        (38, "MERGE ... INSERT *", [
            "merge into " ~ objects.table ~ " as target using (select cast(9 as bigint) as id, 'z' as label) as source on target.id = source.id when not matched then insert *",
        ], none, "accepted: the snapshots of the adapter can work", 'nothing', "snapshots of the adapter fail; the project has none."),
        (39, "DATEDIFF in weeks", [], "select datediff(week, cast('2026-01-01' as date), cast('2026-01-20' as date)) as a", "20 January is {0} weeks after 1 January", 'nothing', "there is no unit week; no model uses it."),
        (40, "CONVERT_TIMEZONE", [], "select convert_timezone('UTC', " ~ faultline.sql_text(var('plant_timezone')) ~ ", cast('2026-01-01 00:00:00' as timestamp_ntz)) as a", "midnight UTC of 1 January is {0}: a form of plant_time that does not depend on the session", 'nothing', "not there; plant_time goes on with FROM_UTC_TIMESTAMP."),
        (41, "a doubled quote in a literal", [], "select 'it''s' as a", "read as {0}; the project writes a backslash", 'nothing', "as documented: two quotes are no escape."),
        (42, "the quotes of SET query_tag", [], "set query_tag = 'faultline';\nselect current_setting('query_tag') as a", "the tag is {0}: with quotes the server keeps what the adapter sends, so leave query_tag out of the profile", 'nothing', "current_setting is not there: look for the tag in information_schema.job_history."),
        (43, "an image URL for seven days", [], "select get_presigned_url(" ~ volume ~ ", " ~ faultline.sql_text(picture) ~ ", 604800) as url", "made by {0}: presigned_url_seconds may be as long", 'picture', "604800 seconds are more than a URL may live; the ten hours of presigned_url_seconds are what the vendor advises."),
    ] -%}
        {%- do checks.append({'number': number, 'subject': subject, 'statements': statements, 'query': query, 'finding': finding, 'needs': needs, 'error_means': error_means, 'holds': none}) -%}
    {%- endfor -%}
    {{ return(checks) }}
{%- endmacro %}


{# The newest refresh of a dynamic table. #}
{% macro last_refresh_sql(relation) -%}
    {{ return(
        "show dynamic table refresh history where schema_name = " ~ faultline.sql_text(relation.schema)
        ~ " and name = " ~ faultline.sql_text(relation.identifier) ~ " limit 1"
    ) }}
{%- endmacro %}
