{# The contract of a public model: enforced where the adapter can. dbt-clickzetta fails on enforced contracts. #}
{% macro public_contract() -%}
    {{ return(adapter.dispatch('public_contract', 'faultline')()) }}
{%- endmacro %}

{% macro default__public_contract() -%}
    {{ return({'enforced': true}) }}
{%- endmacro %}

{% macro clickzetta__public_contract() -%}
    {{ return({'enforced': false}) }}
{%- endmacro %}
