{#
    Casts from landed text. All of them are tolerant: what cannot be read becomes NULL, and the caller decides between
    quarantine and a field issue. They accept plain notation only, so that two engines read the same rows the same way.
#}

{# A plain decimal number, finite; "2.1%", "0,02", "NaN", "1_000" and words give NULL. #}
{% macro to_double(text) -%}
    {{ return(adapter.dispatch('to_double', 'faultline')(text)) }}
{%- endmacro %}

{% macro plain_number_pattern() -%}
    {{ return("^\\s*[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]{1,3})?\\s*$") }}
{%- endmacro %}

{% macro default__to_double(text) -%}
    {%- set number = "try_cast(" ~ faultline.bare_number(text) ~ " as double)" -%}
    {{ return(
        "case when " ~ faultline.matches(text, faultline.plain_number_pattern())
        ~ " and abs(" ~ number ~ ") <= 1.7976931348623157e308 then " ~ number ~ " end"
    ) }}
{%- endmacro %}


{# A whole number; "12.0" is 12 (that is how a nullable integer leaves many tools), "12.5" gives NULL. #}
{% macro to_bigint(text) -%}
    {{ return(adapter.dispatch('to_bigint', 'faultline')(text)) }}
{%- endmacro %}

{% macro default__to_bigint(text) -%}
    {{ return(
        "case when " ~ faultline.matches(text, "^\\s*[+-]?[0-9]+(\\.0*)?\\s*$")
        ~ " then try_cast(" ~ faultline.replace_matches(faultline.bare_number(text), "\\.0*$", "") ~ " as bigint) end"
    ) }}
{%- endmacro %}


{# The text of a number as a cast of the engine reads it. #}
{% macro bare_number(text) -%}
    {{ return(adapter.dispatch('bare_number', 'faultline')(text)) }}
{%- endmacro %}

{% macro default__bare_number(text) -%}
    {{ return("trim(" ~ text ~ ")") }}
{%- endmacro %}

{# A cast to an integer knows no plus sign there, and TRIM takes blanks alone away, no tabs. #}
{% macro clickzetta__bare_number(text) -%}
    {{ return(faultline.replace_matches(text, "^\\s*[+]?|\\s*$", "")) }}
{%- endmacro %}


{# A time in UTC without zone; an offset in the text is applied. Zero dates, words and "infinity" give NULL. #}
{% macro to_timestamp_utc(text) -%}
    {{ return(adapter.dispatch('to_timestamp_utc', 'faultline')(text)) }}
{%- endmacro %}

{% macro default__to_timestamp_utc(text) -%}
    {{ return(
        "case when " ~ faultline.matches(text, "^\\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")
        ~ " then try_cast(trim(" ~ text ~ ") as " ~ dbt.type_timestamp() ~ ") end"
    ) }}
{%- endmacro %}

{# DuckDB's cast to TIMESTAMP drops an offset without a word; only the cast to TIMESTAMPTZ applies it. #}
{% macro duckdb__to_timestamp_utc(text) -%}
    {{ return(
        "case when not " ~ faultline.matches(text, "^\\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}") ~ " then null"
        ~ " when " ~ faultline.matches(text, "[0-9](Z|z| ?[+-][0-9]{2}(:?[0-9]{2})?)\\s*$")
        ~ " and " ~ faultline.matches(text, ":")
        ~ " then try_cast(trim(" ~ text ~ ") as timestamptz) at time zone 'UTC'"
        ~ " else try_cast(trim(" ~ text ~ ") as timestamp) end"
    ) }}
{%- endmacro %}


{# An offset is taken off by hand: whether a cast to TIMESTAMP_NTZ applies, drops or refuses it is not documented. #}
{% macro clickzetta__to_timestamp_utc(text) -%}
    {%- set trimmed = "trim(" ~ text ~ ")" -%}
    {%- set offset = faultline.first_match(trimmed, "[+-][0-9]{2}(:?[0-9]{2})?$") -%}
    {%- set local_time = "try_cast(" ~ faultline.replace_matches(trimmed, "(Z|z| ?[+-][0-9]{2}(:?[0-9]{2})?)$", "") ~ " as " ~ dbt.type_timestamp() ~ ")" -%}
    {%- set digits = faultline.replace_matches(offset, "[^0-9]", "") -%}
    {%- set minutes = "(try_cast(substr(" ~ digits ~ ", 1, 2) as bigint) * 60"
        ~ " + coalesce(try_cast(nullif(substr(" ~ digits ~ ", 3, 2), '') as bigint), 0))" -%}
    {{ return(
        "case when not " ~ faultline.matches(text, "^\\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}") ~ " then null"
        ~ " when not " ~ faultline.matches(text, ":") ~ " then try_cast(" ~ trimmed ~ " as " ~ dbt.type_timestamp() ~ ")"
        ~ " when " ~ faultline.matches(trimmed, "[0-9] ?[+][0-9]{2}(:?[0-9]{2})?$") ~ " then " ~ dbt.dateadd('minute', "-" ~ minutes, local_time)
        ~ " when " ~ faultline.matches(trimmed, "[0-9] ?-[0-9]{2}(:?[0-9]{2})?$") ~ " then " ~ dbt.dateadd('minute', minutes, local_time)
        ~ " else " ~ local_time ~ " end"
    ) }}
{%- endmacro %}


{# A calendar date; a time of day behind it is dropped. #}
{% macro to_date(text) -%}
    {{ return("cast(" ~ faultline.to_timestamp_utc(text) ~ " as date)") }}
{%- endmacro %}


{# true/t/yes/y/1 and false/f/no/n/0 without regard to case; anything else gives NULL. #}
{% macro to_boolean(text) -%}
    {{ return(
        "case when lower(trim(" ~ text ~ ")) in ('true', 't', 'yes', 'y', '1') then true "
        ~ "when lower(trim(" ~ text ~ ")) in ('false', 'f', 'no', 'n', '0') then false end"
    ) }}
{%- endmacro %}
