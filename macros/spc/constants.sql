{# d2 of moving ranges of two points: the conventional rounded value, as NIST and Minitab use it. #}
{% macro moving_range_d2() -%}
    {{ return('1.128') }}
{%- endmacro %}

{# D4 of moving ranges of two points, conventional as above. #}
{% macro moving_range_d4() -%}
    {{ return('3.267') }}
{%- endmacro %}

{# Median of the step between two points of standard deviation 1: sqrt(2) times the upper quartile of a normal. #}
{% macro moving_range_median() -%}
    {{ return('0.9538725524') }}
{%- endmacro %}


{#
    c4 of a subgroup: the exact value of the seed spc_constants where it has the size, else the series in 1 / (n - 1), which
    is right to 1e-9 from n = 26 on. NULL for fewer than two values.
#}
{% macro c4(sample_size, exact_c4) -%}
    {%- set v = "(" ~ sample_size ~ " - 1)" -%}
    {{ return(
        "coalesce(" ~ exact_c4 ~ ", case when " ~ sample_size ~ " > 25 then 1 - 1 / (4 * " ~ v ~ ") + 1 / (32 * " ~ v ~ " * " ~ v
        ~ ") + 5 / (128 * power(" ~ v ~ ", 3)) - 21 / (2048 * power(" ~ v ~ ", 4)) - 399 / (8192 * power(" ~ v ~ ", 5)) end)"
    ) }}
{%- endmacro %}

{# The weight of a subgroup's s / c4 when several sizes are averaged: c4^2 / (1 - c4^2), the inverse of its relative variance. #}
{% macro c4_precision(sample_size, exact_c4) -%}
    {%- set value = faultline.c4(sample_size, exact_c4) -%}
    {{ return("(" ~ value ~ " * " ~ value ~ " / (1 - " ~ value ~ " * " ~ value ~ "))") }}
{%- endmacro %}


{# The median of a column as an aggregate. #}
{% macro median(column) -%}
    {{ return("median(" ~ column ~ ")") }}
{%- endmacro %}
