{# True where the var inference_mode asks for the inline table; on DuckDB there is none. #}
{% macro is_inline_inference() -%}
    {%- if var('inference_mode') not in ['ledger', 'inline'] -%}
        {{ exceptions.raise_compiler_error("The var inference_mode is ledger or inline, not " ~ var('inference_mode') ~ ".") }}
    {%- endif -%}
    {{ return(var('inference_mode') == 'inline' and target.type == 'clickzetta') }}
{%- endmacro %}


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
