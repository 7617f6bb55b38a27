{# True where the var inference_mode asks for the inline table; on DuckDB there is none. #}
{% macro is_inline_inference() -%}
    {%- if var('inference_mode') not in ['ledger', 'inline'] -%}
        {{ exceptions.raise_compiler_error("The var inference_mode is ledger or inline, not " ~ var('inference_mode') ~ ".") }}
    {%- endif -%}
    {{ return(var('inference_mode') == 'inline' and target.type == 'clickzetta') }}
{%- endmacro %}


{#
    Said whenever the inline table is compiled: nothing pins its refresh to incremental. A warning, the only kind that is
    none of the project's errors (warn_error_options): whoever asks for this mode may have it.
#}
{% macro warn_of_inline_inference() -%}
    {%- if execute -%}
        {%- set options = faultline.ai_options() -%}
        {%- do exceptions.warn(
            "WARNING inference_mode is inline: each full refresh of defect_analysis_dt calls the model again for EVERY row, and no setting "
            ~ "prevents full refreshes (a changed prompt, a pause longer than retention_days, an engine decision). At worst "
            ~ (options.presigned_url_seconds // options.response_timeout_seconds * options.task_concurrency)
            ~ " pictures are through before the URLs of a refresh run out. The ledgers, which everything else reads, go on asking "
            ~ "beside it: with both, every picture is paid for twice. Run dbt run-operation explain_incremental before it goes "
            ~ "live, and refresh_history after."
        ) -%}
    {%- endif -%}
{%- endmacro %}
