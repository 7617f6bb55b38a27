{# A UTC time as the wall-clock time of the plant (var plant_timezone). #}
{% macro plant_time(utc_time) -%}
    {{ return(adapter.dispatch('plant_time', 'faultline')(utc_time)) }}
{%- endmacro %}

{% macro default__plant_time(utc_time) -%}
    {{ return(
        "(" ~ utc_time ~ " at time zone 'UTC' at time zone " ~ faultline.sql_text(var('plant_timezone')) ~ ")"
    ) }}
{%- endmacro %}

{% macro clickzetta__plant_time(utc_time) -%}
    {{ return(
        "cast(from_utc_timestamp(" ~ utc_time ~ ", " ~ faultline.sql_text(var('plant_timezone')) ~ ") as "
        ~ dbt.type_timestamp() ~ ")"
    ) }}
{%- endmacro %}


{# The calendar day of a UTC time at the plant. #}
{% macro plant_day(utc_time) -%}
    {{ return("cast(" ~ faultline.plant_time(utc_time) ~ " as date)") }}
{%- endmacro %}


{#
    The UTC time at which the plant's clock hour began. Going back by the minutes since the local hour keeps the two
    hours of an autumn clock change apart and serves zones whose offset is no whole hour.
#}
{% macro plant_hour_start(utc_time) -%}
    {{ return(adapter.dispatch('plant_hour_start', 'faultline')(utc_time)) }}
{%- endmacro %}

{% macro default__plant_hour_start(utc_time) -%}
    {%- set local_time = faultline.plant_time(utc_time) -%}
    {{ return("(" ~ utc_time ~ " - (" ~ local_time ~ " - date_trunc('hour', " ~ local_time ~ ")))") }}
{%- endmacro %}

{% macro clickzetta__plant_hour_start(utc_time) -%}
    {%- set local_time = faultline.plant_time(utc_time) -%}
    {%- set seconds = "-(extract(minute from " ~ local_time ~ ") * 60 + extract(second from " ~ local_time ~ "))" -%}
    {{ return(dbt.date_trunc('second', dbt.dateadd('second', seconds, utc_time))) }}
{%- endmacro %}


{#
    The time of this run in UTC as a literal. On Lakehouse a literal that changes with every run would rebuild the
    dynamic tables, so there it is NULL and a comparison with it decides nothing.
#}
{% macro run_time() -%}
    {{ return(adapter.dispatch('run_time', 'faultline')()) }}
{%- endmacro %}

{% macro default__run_time() -%}
    {{ return("cast('" ~ run_started_at.strftime('%Y-%m-%d %H:%M:%S') ~ "' as " ~ dbt.type_timestamp() ~ ")") }}
{%- endmacro %}

{% macro clickzetta__run_time() -%}
    {{ return("cast(null as " ~ dbt.type_timestamp() ~ ")") }}
{%- endmacro %}


{# A time a number of seconds later. #}
{% macro seconds_later(utc_time, seconds) -%}
    {{ return(adapter.dispatch('seconds_later', 'faultline')(utc_time, seconds)) }}
{%- endmacro %}

{% macro default__seconds_later(utc_time, seconds) -%}
    {{ return("(" ~ utc_time ~ " + to_seconds(" ~ (seconds | int) ~ "))") }}
{%- endmacro %}

{% macro clickzetta__seconds_later(utc_time, seconds) -%}
    {{ return(dbt.dateadd('second', seconds | int, utc_time)) }}
{%- endmacro %}


{# The time of the statement in UTC: for ledger rows only, never inside a continuous model. #}
{% macro statement_time() -%}
    {{ return(adapter.dispatch('statement_time', 'faultline')()) }}
{%- endmacro %}

{% macro default__statement_time() -%}
    {{ return("cast(now() at time zone 'UTC' as " ~ dbt.type_timestamp() ~ ")") }}
{%- endmacro %}

{# UTC because every statement that uses it is sent with cz.sql.timezone = UTC (macro lakehouse_use_utc). #}
{% macro clickzetta__statement_time() -%}
    {{ return("cast(current_timestamp() as " ~ dbt.type_timestamp() ~ ")") }}
{%- endmacro %}


{# True where a landed UTC time lies after this run's clock (var clock_tolerance_seconds allows for clock skew). #}
{% macro is_in_future(utc_time) -%}
    {{ return("(" ~ utc_time ~ " > " ~ faultline.seconds_later(faultline.run_time(), var('clock_tolerance_seconds')) ~ ")") }}
{%- endmacro %}
