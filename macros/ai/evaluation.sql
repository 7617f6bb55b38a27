{#
    Writes what people found in their reviews to a CSV for `scripts/faultline evaluate`: one row per inspection with a
    readable picture, its latest review, and the values that a diagnose prompt asks for. Blind reviews only, unless
    only_blind is false: a reviewer who was shown the model's answer leans towards it.

        dbt run-operation export_labelled_set --args '{file: reviewed.csv}'
#}
{% macro export_labelled_set(file='reviewed.csv', only_blind=true) -%}
    {{ return(adapter.dispatch('export_labelled_set', 'faultline')(file, only_blind)) }}
{%- endmacro %}

{% macro default__export_labelled_set(file, only_blind) -%}
    {{ faultline.refuse_ai_adapter('export_labelled_set') }}
{%- endmacro %}

{% macro clickzetta__export_labelled_set(file, only_blind) -%}
    {{ faultline.raise_ai_error("export_labelled_set writes a file on DuckDB only") }}
{%- endmacro %}

{% macro duckdb__export_labelled_set(file, only_blind) -%}
    {%- if not execute -%}{{ return(none) }}{%- endif -%}
    {%- for model in [ref('ods_human_reviews'), ref('inspection_image_states'), ref('ai_extract_answers')] if load_relation(model) is none -%}
        {{ faultline.raise_ai_error("there is no " ~ model.identifier ~ " yet: run dbt build first") }}
    {%- endfor -%}
    {%- set rows = run_query(
        "copy (" ~ faultline.labelled_set(only_blind) ~ ") to " ~ faultline.sql_text(file) ~ " (format csv, header)"
    ).rows[0][0] -%}
    {{ log(rows ~ (" blindly" if only_blind else "") ~ " reviewed inspections in " ~ file, info=true) }}
{%- endmacro %}


{# The rows of export_labelled_set. #}
{% macro labelled_set(only_blind) -%}
    with reviews as (

        select
            *,
            row_number() over (
                partition by inspection_id
                order by reviewed_at desc, review_id desc
            ) as review_number
        from {{ ref('ods_human_reviews') }}
        where {{ 'is_blind' if only_blind else 'true' }}

    )

    select
        reviews.inspection_id,
        image_states.image_path,
        reviews.reviewed_category as label,
        reviews.reviewed_severity as severity,
        reviews.reviewed_action as action,
        inspections.line_id,
        inspections.station_id,
        inspections.sku_id,
        extract_answers.area_ratio,
        extract_answers.defect_count as count,
        extract_answers.location,
        inspections.description
    from reviews
    inner join {{ ref('ods_defect_inspection_records') }} as inspections
        on reviews.inspection_id = inspections.inspection_id
    inner join {{ ref('inspection_image_states') }} as image_states
        on reviews.inspection_id = image_states.inspection_id
    left join {{ ref('ai_extract_answers') }} as extract_answers
        on reviews.inspection_id = extract_answers.inspection_id
    where
        reviews.review_number = 1
        and reviews.reviewed_category is not null
        and image_states.image_state = 'readable'
    order by reviews.inspection_id
{%- endmacro %}
