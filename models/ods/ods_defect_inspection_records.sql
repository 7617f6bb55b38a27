with checked as (

    select * from {{ ref('checked_defect_inspection_records') }}

)

select
    inspection_id,
    inspect_time,
    recorded_at,
    line_id,
    station_id,
    shift,
    sku_id,
    part_serial,
    supplier_id,
    supplier_lot_id,
    inspector_id,
    inspection_source,
    aoi_verdict,
    defect_image,
    description,
    raw_category,
    raw_severity,
    version_count,
    is_version_tie
from checked
where row_status = 'kept'
