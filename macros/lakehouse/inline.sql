{# Said whenever the inline table is compiled: nothing pins its refresh to incremental. #}
{% macro warn_of_inline_inference() -%}
    {%- if execute -%}
        {{ log(
            "WARNING inference_mode is inline: each full refresh of defect_analysis_dt calls the model again for EVERY row, and no setting "
            ~ "prevents full refreshes (a changed prompt, a pause longer than retention_days, an engine decision). Run "
            ~ "dbt run-operation explain_incremental before it goes live, and refresh_history after.",
            info=true
        ) }}
    {%- endif -%}
{%- endmacro %}
