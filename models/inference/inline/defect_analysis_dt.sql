{{
    config(
        enabled=is_inline_inference(),
    )
}}

{%- set classify = ai_step_settings('classify') -%}
{%- set extract = ai_step_settings('extract') -%}
{%- set diagnose = ai_step_settings('diagnose') -%}
{%- do warn_of_inline_inference() -%}

with inspections as (

    select * from {{ ref('ods_defect_inspection_records') }}

),

with_image as (

    select
        inspection_id,
        inspect_time,
        line_id,
        station_id,
        sku_id,
        raw_category,
        raw_severity,
        description,
        defect_image as image_path
    from inspections
    where
        defect_image is not null
        and defect_image <> ''

),

in_tier as (

    select
        inspection_id,
        image_path,
        {{ filled_prompt(diagnose.prompt_text, [
            ('line_id', 'line_id'),
            ('station_id', 'station_id'),
            ('sku_id', 'sku_id'),
            ('category', 'raw_category'),
            ('severity', 'raw_severity'),
            ('area_ratio', "''"),
            ('count', "''"),
            ('location', "''"),
            ('description', 'description'),
        ]) }} as prompt_text
    from with_image
    where raw_severity in ({{ sql_text_list(var('ai_diagnose_severities')) }})

),

diagnosed as (

    select
        in_tier.inspection_id,
        {{ ai_complete(diagnose, 'in_tier') }} as ai_diagnosis
    from in_tier

),

judged as (

    select
        with_image.inspection_id,
        with_image.inspect_time,
        with_image.line_id,
        with_image.station_id,
        with_image.sku_id,
        with_image.raw_category,
        with_image.raw_severity,
        with_image.image_path,
        {{ ai_classify(classify, 'with_image') }} as ai_category,
        {{ ai_extract(extract, 'with_image') }} as ai_features
    from with_image

)

select
    judged.inspection_id,
    judged.inspect_time,
    judged.line_id,
    judged.station_id,
    judged.sku_id,
    judged.raw_category,
    judged.raw_severity,
    judged.image_path,
    judged.ai_category,
    judged.ai_features,
    diagnosed.ai_diagnosis
from judged
left join diagnosed
    on judged.inspection_id = diagnosed.inspection_id
