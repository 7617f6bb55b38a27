with checked as (

    select * from {{ ref('checked_inspection_images') }}

)

select
    image_path,
    content_sha256,
    size_bytes,
    width_px,
    height_px,
    sharpness,
    mean_luminance,
    clipped_fraction,
    quality_verdict,
    quality_reasons,
    uploaded_at,
    version_count,
    is_version_tie
from checked
where row_status = 'kept'
