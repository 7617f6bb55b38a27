{# One row with a column for each named threshold of the seed thresholds; NULL where the plant's seed lacks the name. #}
{% macro threshold_columns(names) -%}
    select
    {%- for name in names %}
        max(case when name = {{ faultline.sql_text(name) }} then value end) as {{ name }}{{ "," if not loop.last }}
    {%- endfor %}
    from {{ ref('thresholds') }}
{%- endmacro %}
