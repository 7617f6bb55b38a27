{# The normal quantile of all intervals of capability: 95 %, two-sided. #}
{% macro capability_z() -%}
    {{ return('1.959963984540054') }}
{%- endmacro %}


{#
    95 % bound of Cp, Pp or Cpm: the index times sqrt(chi-squared / degrees). `sign` is - or +. NULL without degrees of
    freedom.
#}
{% macro capability_bound(index, degrees_of_freedom, sign) -%}
    {{ return(
        index ~ " * sqrt(" ~ faultline.chi_squared_quantile(degrees_of_freedom, "(" ~ sign ~ faultline.capability_z() ~ ")")
        ~ " / nullif(" ~ degrees_of_freedom ~ ", 0))"
    ) }}
{%- endmacro %}


{# 95 % bound of Cpk or Ppk after Bissell (1990): index -+ 1.96 * sqrt(1 / (9 n) + index^2 / (2 degrees)). #}
{% macro capability_index_bound(index, measured_values, degrees_of_freedom, sign) -%}
    {{ return(
        index ~ " " ~ sign ~ " " ~ faultline.capability_z() ~ " * sqrt(cast(1 as " ~ faultline.type_double() ~ ") / (9 * " ~ measured_values ~ ") + " ~ index
        ~ " * " ~ index ~ " / nullif(2.0 * " ~ degrees_of_freedom ~ ", 0))"
    ) }}
{%- endmacro %}


{# The smaller of two values, or the one that is known: a specification may have one side only. #}
{% macro smaller_known(left_value, right_value) -%}
    {%- set left = "(" ~ left_value ~ ")" -%}
    {%- set right = "(" ~ right_value ~ ")" -%}
    {{ return("case when " ~ left ~ " is null or " ~ right ~ " < " ~ left ~ " then " ~ right ~ " else " ~ left ~ " end") }}
{%- endmacro %}
