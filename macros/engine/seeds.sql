{#
    The rows of a seed at compile time, as a list of dictionaries with lower-case keys and text values (NULL stays none).
    NULL result = the rows cannot be known now: while parsing, without introspection, or before the seed was built.
#}
{% macro seed_rows(relation) -%}
    {%- if not execute or not flags.INTROSPECT -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set existing = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
    {%- if existing is none -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set rows = [] -%}
    {#- Not the given relation: under --empty it would be rendered without its rows. -#}
    {%- for record in run_query("select * from " ~ existing).rows -%}
        {%- set row = {} -%}
        {%- for name in record.keys() -%}
            {%- do row.update({name | lower: record[name]}) -%}
        {%- endfor -%}
        {%- do rows.append(row) -%}
    {%- endfor -%}
    {{ return(rows) }}
{%- endmacro %}
