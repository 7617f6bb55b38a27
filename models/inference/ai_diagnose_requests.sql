{%- set settings = ai_step_settings('diagnose') -%}

with inspections as (

    select * from {{ ref('ods_defect_inspection_records') }}

),

resolved_categories as (

    select * from {{ ref('resolved_categories') }}

),

resolved_severities as (

    select * from {{ ref('resolved_severities') }}

),

extract_answers as (

    select * from {{ ref('ai_extract_answers') }}

),

image_states as (

    select * from {{ ref('inspection_image_states') }}

),

in_tier as (

    select
        inspections.inspection_id,
        inspections.inspect_time,
        inspections.line_id,
        inspections.station_id,
        inspections.sku_id,
        inspections.description,
        inspections.raw_category,
        inspections.raw_severity,
        inspections.aoi_verdict,
        case when image_states.image_state = 'readable' then image_states.image_path end as image_path,
        case
            when image_states.image_state in ('readable', 'missing_file') then image_states.content_sha256
        end as content_sha256,
        resolved_categories.category,
        resolved_severities.severity,
        extract_answers.location,
        extract_answers.area_ratio,
        extract_answers.defect_count
    from resolved_severities
    inner join inspections
        on resolved_severities.inspection_id = inspections.inspection_id
    inner join resolved_categories
        on resolved_severities.inspection_id = resolved_categories.inspection_id
    inner join image_states
        on resolved_severities.inspection_id = image_states.inspection_id
    left join extract_answers
        on resolved_severities.inspection_id = extract_answers.inspection_id
    where resolved_severities.tier = 'in_tier'

)

select
    inspection_id,
    -- The question rests on the picture and the words: a corrected description is asked again, a new verdict is not.
    {{ dbt.hash(dbt.concat(["coalesce(content_sha256, '')", "'|'", "coalesce(description, '')"])) }} as content_key,
    inspect_time,
    image_path,
    content_sha256,
    {{ filled_prompt(settings.prompt_text, [
        ('line_id', 'line_id'),
        ('station_id', 'station_id'),
        ('sku_id', 'sku_id'),
        ('category', 'category'),
        ('severity', 'severity'),
        ('area_ratio', 'cast(area_ratio as ' ~ dbt.type_string() ~ ')'),
        ('count', 'cast(defect_count as ' ~ dbt.type_string() ~ ')'),
        ('location', 'location'),
        ('description', 'description'),
    ]) }} as prompt_text,
    raw_category,
    raw_severity,
    aoi_verdict,
    category,
    severity,
    true as is_askable  -- the words and the verdict on the picture are enough
from in_tier
