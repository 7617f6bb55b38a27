with landed as (

    select * from {{ ref('landing_defect_inspection_records') }}

),

label_spellings as (

    select * from {{ ref('ods_label_spellings') }}

),

typed as (

    select
        {{ null_if_blank('landed.inspection_id') }} as row_key,
        {{ row_as_json('landed', [
            'inspection_id',
            'inspect_time',
            'recorded_at',
            'line_id',
            'station_id',
            'shift',
            'sku_id',
            'part_serial',
            'supplier_id',
            'supplier_lot_id',
            'inspector_id',
            'inspection_source',
            'aoi_verdict',
            'defect_image',
            'description',
            'raw_category',
            'raw_severity',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.inspection_id') }} as inspection_id,
        {{ to_timestamp_utc('landed.inspect_time') }} as inspect_time,
        {{ to_timestamp_utc('landed.recorded_at') }} as recorded_at,
        {{ null_if_blank('landed.line_id') }} as line_id,
        {{ null_if_blank('landed.station_id') }} as station_id,
        {{ null_if_blank('landed.shift') }} as shift,
        {{ null_if_blank('landed.sku_id') }} as sku_id,
        {{ null_if_blank('landed.part_serial') }} as part_serial,
        {{ null_if_blank('landed.supplier_id') }} as supplier_id,
        {{ null_if_blank('landed.supplier_lot_id') }} as supplier_lot_id,
        {{ null_if_blank('landed.inspector_id') }} as inspector_id,
        inspection_source_spelling.label as inspection_source,
        aoi_verdict_spelling.label as aoi_verdict,
        {{ safe_image_path('landed.defect_image') }} as defect_image,
        landed.description,
        raw_category_spelling.label as raw_category,
        raw_severity_spelling.label as raw_severity
    from landed
    left join label_spellings as inspection_source_spelling
        on
            inspection_source_spelling.label_set = 'inspection_source'
            and inspection_source_spelling.spelling = {{ normalised_label('landed.inspection_source') }}
    left join label_spellings as aoi_verdict_spelling
        on
            aoi_verdict_spelling.label_set = 'aoi_verdict'
            and aoi_verdict_spelling.spelling = {{ normalised_label('landed.aoi_verdict') }}
    left join label_spellings as raw_category_spelling
        on
            raw_category_spelling.label_set = 'category'
            and raw_category_spelling.spelling = {{ normalised_label('landed.raw_category') }}
    left join label_spellings as raw_severity_spelling
        on
            raw_severity_spelling.label_set = 'severity'
            and raw_severity_spelling.spelling = {{ normalised_label('landed.raw_severity') }}

),

judged as (

    select
        *,
        case
            when inspection_id is null then 'no key'
            when inspect_time is null or recorded_at is null then 'no valid time'
            when line_id is null or station_id is null or shift is null or sku_id is null then 'required column empty'
            when inspection_source is null and {{ landed_blank('inspection_source') }} then 'required column empty'
            when
                inspect_time > {{ seconds_later('recorded_at', var('clock_tolerance_seconds')) }}
                then 'inspected in the future'
            when {{ is_in_future('inspect_time') }} then 'inspected in the future'
            when {{ is_in_future('recorded_at') }} then 'recorded in the future'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['inspection_id'], latest_by='recorded_at') }}

select * from settled
