{#
    What tells the samples of a stream apart: the period or delivered subgroup, a number for fixed counts of rows, else the
    moment (a second row of the same moment gets a number). Needs period_key, subgroup, subgroup_size, row_in_stream and
    row_in_moment beside the time.
#}
{% macro sample_key(time) -%}
    {%- set moment = "cast(" ~ time ~ " as " ~ dbt.type_string() ~ ")" -%}
    {%- set number = "cast(cast(floor((row_in_stream - 1) / cast(subgroup_size as " ~ faultline.type_double() ~ ")) as bigint) as " ~ dbt.type_string() ~ ")" -%}
    {{ return(
        "case when subgroup = 'count' then concat('#', " ~ number ~ ")"
        ~ " when period_key is not null then period_key"
        ~ " when row_in_moment = 1 then " ~ moment
        ~ " else concat(" ~ moment ~ ", ' #', cast(row_in_moment as " ~ dbt.type_string() ~ ")) end"
    ) }}
{%- endmacro %}
