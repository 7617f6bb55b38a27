{# Double precision, the type of measured values and shares. #}
{% macro type_double() -%}
    {{ return('double') }}
{%- endmacro %}
