with landed as (

    select * from {{ ref('landing_inspection_images') }}

),

label_spellings as (

    select * from {{ ref('ods_label_spellings') }}

),

typed as (

    select
        {{ null_if_blank('landed.image_path') }} as row_key,
        {{ row_as_json('landed', [
            'image_path',
            'content_sha256',
            'size_bytes',
            'width_px',
            'height_px',
            'sharpness',
            'mean_luminance',
            'clipped_fraction',
            'quality_verdict',
            'quality_reasons',
            'uploaded_at',
        ]) }} as raw_row,
        landed.landing_file,
        {{ safe_image_path('landed.image_path') }} as image_path,
        {{ null_if_blank('landed.content_sha256') }} as content_sha256,
        {{ to_bigint('landed.size_bytes') }} as size_bytes,
        {{ to_bigint('landed.width_px') }} as width_px,
        {{ to_bigint('landed.height_px') }} as height_px,
        {{ to_double('landed.sharpness') }} as sharpness,
        {{ to_double('landed.mean_luminance') }} as mean_luminance,
        {{ to_double('landed.clipped_fraction') }} as clipped_fraction,
        quality_verdict_spelling.label as quality_verdict,
        {{ null_if_blank('landed.quality_reasons') }} as quality_reasons,
        {{ to_timestamp_utc('landed.uploaded_at') }} as uploaded_at
    from landed
    left join label_spellings as quality_verdict_spelling
        on
            quality_verdict_spelling.label_set = 'quality_verdict'
            and quality_verdict_spelling.spelling = {{ normalised_label('landed.quality_verdict') }}

),

judged as (

    select
        *,
        case
            when image_path is null and {{ landed_blank('image_path') }} then 'no key'
            when image_path is null then 'unsafe image path'
            when uploaded_at is null then 'no valid time'
            when content_sha256 is null then 'required column empty'
            when quality_verdict is null and {{ landed_blank('quality_verdict') }} then 'required column empty'
            when size_bytes < 0 or width_px < 0 or height_px < 0 then 'negative quantity'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['image_path'], latest_by='uploaded_at') }}

select * from settled
