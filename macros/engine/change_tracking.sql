{#
    The statement after which dynamic tables can follow the changes of a table that the adapter made: a post-hook. Empty
    where the table says already that it does, and on an engine that has nothing of the kind.
#}
{% macro track_changes(relation) -%}
    {{ return(adapter.dispatch('track_changes', 'faultline')(relation)) }}
{%- endmacro %}

{% macro default__track_changes(relation) -%}
    {{ return('') }}
{%- endmacro %}

{% macro clickzetta__track_changes(relation) -%}
    {%- if execute and not modules.re.search("change_tracking\\W+true", faultline.lakehouse_ddl(relation), modules.re.I) -%}
        {{ return(faultline.lakehouse_change_tracking_sql(relation)) }}
    {%- endif -%}
    {{ return('') }}
{%- endmacro %}
