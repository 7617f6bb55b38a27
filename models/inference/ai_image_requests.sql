with image_states as (

    select * from {{ ref('inspection_image_states') }}

),

inspections as (

    select * from {{ ref('ods_defect_inspection_records') }}

)

select
    inspections.inspection_id,
    image_states.content_sha256 as content_key,
    inspections.inspect_time,
    image_states.image_path,
    image_states.content_sha256,
    cast(null as {{ dbt.type_string() }}) as prompt_text,
    inspections.raw_category,
    inspections.raw_severity,
    inspections.aoi_verdict,
    image_states.image_state = 'readable' as is_askable
from inspections
inner join image_states
    on inspections.inspection_id = image_states.inspection_id
-- A plant may clear out old pictures: what was answered about them stands.
where image_states.image_state in ('readable', 'missing_file')
