{#
    JSON as far as the project needs it: flat objects. One regular expression defines them for both engines, because
    the engines' own validity checks differ (one of them lets a trailing comma pass).
#}
{% macro flat_json_pattern() -%}
    {#- A null byte and half a surrogate pair are no characters: DuckDB would raise an error on such an answer. -#}
    {%- set escaped_character = '\\\\u(000[1-9a-fA-F]|00[1-9a-fA-F][0-9a-fA-F]|0[1-9a-fA-F][0-9a-fA-F]{2}'
        ~ '|[1-9a-ce-fA-CE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}'
        ~ '|[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2})' -%}
    {%- set text = '"([^"\\\\[:cntrl:]]|\\\\["\\\\/bfnrt]|' ~ escaped_character ~ ')*"' -%}
    {%- set number = '-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?' -%}
    {%- set pair = text ~ '\\s*:\\s*(' ~ text ~ '|' ~ number ~ '|true|false|null)' -%}
    {{ return('^\\{\\s*' ~ pair ~ '(\\s*,\\s*' ~ pair ~ ')*\\s*\\}$') }}
{%- endmacro %}


{# From the first { to the last } of a text, if that is a flat JSON object; else NULL. Fences and words around go. #}
{% macro flat_json_object(text) -%}
    {%- set candidate = faultline.first_match(text, '(?s)\\{.*\\}') -%}
    {{ return(
        "case when " ~ faultline.matches(candidate, faultline.flat_json_pattern()) ~ " then " ~ candidate ~ " end"
    ) }}
{%- endmacro %}


{# One top-level value of a valid flat JSON object as text; NULL for a missing key, JSON null or NULL object. #}
{% macro json_value(json, key) -%}
    {{ return(adapter.dispatch('json_value', 'faultline')(json, key)) }}
{%- endmacro %}

{% macro default__json_value(json, key) -%}
    {{ return("json_extract_string(" ~ json ~ ", " ~ faultline.sql_text('$.' ~ key) ~ ")") }}
{%- endmacro %}

{% macro clickzetta__json_value(json, key) -%}
    {{ return("get_json_object(" ~ json ~ ", " ~ faultline.sql_text('$.' ~ key) ~ ")") }}
{%- endmacro %}


{# Text columns of a relation as one JSON object text, keys in the given order, NULL as null. #}
{% macro row_as_json(relation, columns) -%}
    {{ return(adapter.dispatch('row_as_json', 'faultline')(relation, columns)) }}
{%- endmacro %}

{% macro default__row_as_json(relation, columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append("'" ~ column ~ "', " ~ relation ~ "." ~ column) -%}
    {%- endfor -%}
    {{ return("cast(json_object(" ~ (parts | join(', ')) ~ ") as varchar)") }}
{%- endmacro %}

{# Spelled out: no row-to-JSON function is documented for Lakehouse that keeps the keys in order. #}
{% macro clickzetta__row_as_json(relation, columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- set escaped = namespace(text=relation ~ '.' ~ column) -%}
        {%- for character, escape in [('\\', '\\\\'), ('"', '\\"'), ('\n', '\\n'), ('\r', '\\r'), ('\t', '\\t')] -%}
            {%- set escaped.text = "replace(" ~ escaped.text ~ ", " ~ faultline.sql_text(character) ~ ", " ~ faultline.sql_text(escape) ~ ")" -%}
        {%- endfor -%}
        {%- do parts.append("'\"" ~ column ~ "\":', coalesce(concat('\"', " ~ escaped.text ~ ", '\"'), 'null')") -%}
    {%- endfor -%}
    {{ return("concat('{', " ~ (parts | join(", ',', ")) ~ ", '}')") }}
{%- endmacro %}
