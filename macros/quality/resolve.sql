{#
    The best of several judgements of one thing, in the order of the var resolution_order (default reviewed > ai > raw).
    `values` maps whose value it is (raw, ai, reviewed) to a column.
#}
{% macro resolved_value(values) -%}
    {%- set columns = [] -%}
    {%- for source in faultline.resolution_order() if source in values -%}
        {%- do columns.append(values[source]) -%}
    {%- endfor -%}
    {{ return("coalesce(" ~ (columns | join(', ')) ~ ")") }}
{%- endmacro %}

{# Whose value resolved_value took; NULL where there is none. #}
{% macro resolved_source(values) -%}
    {%- set branches = [] -%}
    {%- for source in faultline.resolution_order() if source in values -%}
        {%- do branches.append("when " ~ values[source] ~ " is not null then '" ~ source ~ "'") -%}
    {%- endfor -%}
    {{ return("case " ~ (branches | join(' ')) ~ " end") }}
{%- endmacro %}

{% macro resolution_order() -%}
    {%- set order = var('resolution_order') -%}
    {%- if not order or order is string or order | reject('in', ['reviewed', 'ai', 'raw']) | list -%}
        {{ exceptions.raise_compiler_error(
            "The var resolution_order is a list of reviewed, ai and raw, best first; it is " ~ order ~ "."
        ) }}
    {%- endif -%}
    {{ return(order) }}
{%- endmacro %}
