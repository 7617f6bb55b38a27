{{ config(severity='warn') }}

-- Inspections name pictures, and not one of them is where pictures are looked for: FAULTLINE_IMAGES (on Lakehouse
-- image_volume) points elsewhere, or the folder is not mounted. What was answered stands; nothing new is asked.
select count(*) as inspections_with_a_picture
from {{ ref('inspection_image_states') }}
having
    sum(case when image_state = 'missing_file' then 1 else 0 end) > 0
    and sum(case when image_state = 'readable' then 1 else 0 end) = 0
