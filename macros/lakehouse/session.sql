{#
    Times of the project are UTC without a zone on every engine. On Lakehouse TIMESTAMP follows the time zone of the
    session, which a scheduled refresh does not share with dbt; TIMESTAMP_NTZ does not.
#}
{% macro clickzetta__type_timestamp() -%}
    {{ return('timestamp_ntz') }}
{%- endmacro %}

{#
    DATEADD and DATE_TRUNC answer with TIMESTAMP, whatever they are given: without the cast a column of a dynamic table
    would follow the session, and so would a comparison with one that does not.
#}
{% macro clickzetta__dateadd(datepart, interval, from_date_or_timestamp) -%}
    {{ return("cast(dateadd(" ~ datepart ~ ", " ~ interval ~ ", " ~ from_date_or_timestamp ~ ") as " ~ dbt.type_timestamp() ~ ")") }}
{%- endmacro %}

{% macro clickzetta__date_trunc(datepart, date) -%}
    {{ return("cast(date_trunc('" ~ datepart ~ "', " ~ date ~ ") as " ~ dbt.type_timestamp() ~ ")") }}
{%- endmacro %}


{#
    Sets the session to UTC. The connector keeps the setting for the rest of its connection, one connection per thread,
    so it is sent by every node that needs it and by no hook.
#}
{% macro lakehouse_use_utc() -%}
    {%- call statement('use_utc') -%}
        {{ faultline.lakehouse_utc() }}
    {%- endcall -%}
{%- endmacro %}

{# The setting as the head of a statement; the value takes no quotes, the connector would keep them. #}
{% macro lakehouse_utc() -%}
    {{ return("set cz.sql.timezone = UTC") }}
{%- endmacro %}


{# One statement, whose rows nobody reads. The connector runs only the first statement of a text, so one is what it takes. #}
{% macro lakehouse_run(sql) -%}
    {%- call statement('lakehouse_run') -%}
        {{ sql }}
    {%- endcall -%}
{%- endmacro %}


{# Changes of a plain table can be followed by a dynamic table. Without effect inside CREATE TABLE. #}
{% macro lakehouse_track_changes(relation) -%}
    {%- do faultline.lakehouse_run(faultline.lakehouse_change_tracking_sql(relation)) -%}
{%- endmacro %}


{# A description as an SQL literal on one line: backslashes and quotes do not leave it. #}
{% macro lakehouse_comment(text) -%}
    {{ return(faultline.sql_text((text or '').split() | join(' '))) }}
{%- endmacro %}


{#
    The fixture of a unit test. On Lakehouse the landing models are ephemeral, so that no view lies below a dynamic
    table; their columns are those of the contract, all text.
#}
{% macro get_fixture_sql(rows, column_name_to_data_types) -%}
    {%- set table = this.identifier | replace('landing_', '', 1) -%}
    {%- set contract = faultline.lakehouse_landing_contract() -%}
    {%- if target.type != 'clickzetta' or not this.identifier.startswith('landing_') or table not in contract -%}
        {{ return(dbt.get_fixture_sql(rows, column_name_to_data_types)) }}
    {%- endif -%}
    {%- set types = {} -%}
    {%- for name, type in contract[table].columns + [('landing_file', 'string')] -%}
        {%- do types.update({name: 'string'}) -%}
    {%- endfor -%}
    {%- set selects = [] -%}
    {%- for row in rows or [{}] -%}
        {%- set given = format_row(row, types) -%}
        {%- set values = [] -%}
        {%- for name in types -%}
            {%- do values.append((given.get(name) or 'cast(null as string)') ~ ' as ' ~ name) -%}
        {%- endfor -%}
        {%- do selects.append("select " ~ (values | join(', '))) -%}
    {%- endfor -%}
    {{ return((selects | join("\nunion all\n")) ~ ("" if rows else "\nlimit 0")) }}
{%- endmacro %}


{# Text of a fixture: the adapter's own escape leaves backslashes, which are an escape to Lakehouse. #}
{% macro clickzetta__escape_single_quotes(expression) -%}
    {{ return(expression | replace("\\", "\\\\") | replace("'", "\\'")) }}
{%- endmacro %}


{# Without a look at the database (compile --no-introspect) nothing is incremental; dbt's own macro would need a connection. #}
{% macro is_incremental() -%}
    {%- if target.type == 'clickzetta' and not flags.INTROSPECT -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(dbt.is_incremental()) }}
{%- endmacro %}
