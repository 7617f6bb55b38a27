{# Bound of Cp or Pp: the index times sqrt(chi-squared / degrees) at normal quantile z. NULL without degrees of freedom. #}
{% macro capability_bound(index, degrees_of_freedom, z) -%}
    {{ return(
        index ~ " * sqrt(" ~ faultline.chi_squared_quantile(degrees_of_freedom, z) ~ " / nullif(" ~ degrees_of_freedom ~ ", 0))"
    ) }}
{%- endmacro %}

{# 95 % bound of Cpk or Ppk after Bissell (1990): index -+ 1.96 * sqrt(1 / (9 n) + index^2 / (2 degrees)). #}
{% macro capability_index_bound(index, measured_values, degrees_of_freedom, sign) -%}
    {{ return(
        index ~ " " ~ sign ~ " 1.959964 * sqrt(1.0 / (9.0 * " ~ measured_values ~ ") + " ~ index ~ " * " ~ index
        ~ " / nullif(2.0 * " ~ degrees_of_freedom ~ ", 0))"
    ) }}
{%- endmacro %}
