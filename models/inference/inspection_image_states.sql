with inspections as (

    select * from {{ ref('ods_defect_inspection_records') }}

),

inspection_images as (

    select * from {{ ref('ods_inspection_images') }}

),

image_files as (

    select * from {{ ref('ods_image_files') }}

),

joined as (

    select
        inspections.inspection_id,
        inspections.defect_image as image_path,
        inspection_images.image_path is not null as has_image_row,
        image_files.image_path is not null or not {{ checks_image_files() }} as has_file,
        inspection_images.content_sha256,
        inspection_images.quality_verdict,
        inspection_images.quality_reasons
    from inspections
    left join inspection_images
        on inspections.defect_image = inspection_images.image_path
    left join image_files
        on inspections.defect_image = image_files.image_path

)

select
    inspection_id,
    image_path,
    case
        when image_path is null then 'no_image'
        when not has_image_row then 'missing_row'
        when quality_verdict = 'unreadable' then 'unreadable'
        when not has_file then 'missing_file'
        else 'readable'
    end as image_state,
    content_sha256,
    quality_verdict,
    quality_reasons
from joined
