{#
    The highest value so far within a partition, for values that never fall from one row to the next: positions, times.
    NULL before the first value. Only there is the highest also the last one that is not NULL, which DuckDB finds several
    times faster than a running maximum; Lakehouse calls LAST_VALUE unstable in dynamic tables.
#}
{% macro highest_so_far(rising_value, partition_by, order_by) -%}
    {{ return(adapter.dispatch('highest_so_far', 'faultline')(rising_value, partition_by, order_by)) }}
{%- endmacro %}

{% macro default__highest_so_far(rising_value, partition_by, order_by) -%}
max({{ rising_value }}) over (
            partition by {{ partition_by }} order by {{ order_by }} rows between unbounded preceding and current row
        )
{%- endmacro %}

{% macro duckdb__highest_so_far(rising_value, partition_by, order_by) -%}
last_value({{ rising_value }} ignore nulls) over (
            partition by {{ partition_by }} order by {{ order_by }} rows between unbounded preceding and current row
        )
{%- endmacro %}
