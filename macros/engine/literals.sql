{# A text as an SQL string literal of the engine, safe for any content. #}
{% macro sql_text(value) -%}
    {{ return(adapter.dispatch('sql_text', 'faultline')(value)) }}
{%- endmacro %}

{% macro default__sql_text(value) -%}
    {{ return("'" ~ (value | string | replace("'", "''")) ~ "'") }}
{%- endmacro %}

{#
    Lakehouse reads backslash escapes inside literals and does not know the doubled quote. Two texts cannot be sent at
    all: the vendor's connector fills in %(hints)s itself, and drops a statement that holds "test plain returns" or
    "test unicode returns" without a word.
#}
{% macro clickzetta__sql_text(value) -%}
    {%- set text = value | string -%}
    {%- for poison in faultline.lakehouse_poisons() if poison in text -%}
        {{ exceptions.raise_compiler_error(
            "The text '" ~ poison ~ "' cannot be sent to Lakehouse: the vendor's connector changes or drops a statement that holds it."
        ) }}
    {%- endfor -%}
    {%- set escaped = namespace(text=text) -%}
    {%- for character, escape in [('\\', '\\\\'), ("'", "\\'"), ('\n', '\\n'), ('\r', '\\r'), ('\t', '\\t')] -%}
        {%- set escaped.text = escaped.text | replace(character, escape) -%}
    {%- endfor -%}
    {{ return("'" ~ escaped.text ~ "'") }}
{%- endmacro %}


{% macro lakehouse_poisons() -%}
    {{ return(['%(hints)s', 'test plain returns', 'test unicode returns']) }}
{%- endmacro %}


{# A list of texts as the inside of an IN (...) or ARRAY(...): 'a', 'b'. #}
{% macro sql_text_list(values) -%}
    {%- set literals = [] -%}
    {%- for value in values -%}
        {%- do literals.append(faultline.sql_text(value)) -%}
    {%- endfor -%}
    {{ return(literals | join(', ')) }}
{%- endmacro %}
