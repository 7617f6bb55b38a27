{# A text as an SQL string literal of the engine, safe for any content. #}
{% macro sql_text(value) -%}
    {{ return(adapter.dispatch('sql_text', 'faultline')(value)) }}
{%- endmacro %}

{% macro default__sql_text(value) -%}
    {{ return("'" ~ (value | string | replace("'", "''")) ~ "'") }}
{%- endmacro %}

{# Lakehouse reads backslash escapes inside literals and does not know the doubled quote. #}
{% macro clickzetta__sql_text(value) -%}
    {{ return("'" ~ (value | string | replace("\\", "\\\\") | replace("'", "\\'")) ~ "'") }}
{%- endmacro %}


{# A list of texts as the inside of an IN (...) or ARRAY(...): 'a', 'b'. #}
{% macro sql_text_list(values) -%}
    {%- set literals = [] -%}
    {%- for value in values -%}
        {%- do literals.append(faultline.sql_text(value)) -%}
    {%- endfor -%}
    {{ return(literals | join(', ')) }}
{%- endmacro %}
