with landed as (

    select * from {{ ref('landing_attribute_samples') }}

),

typed as (

    select
        {{ joined_key(['landed.stream', 'landed.sampled_at']) }} as row_key,
        {{ row_as_json('landed', [
            'sampled_at',
            'stream',
            'sample_size',
            'defectives',
            'defects',
            'sample_id',
        ]) }} as raw_row,
        landed.landing_file,
        {{ to_timestamp_utc('landed.sampled_at') }} as sampled_at,
        {{ null_if_blank('landed.stream') }} as stream,
        {{ to_double('landed.sample_size') }} as sample_size,
        {{ to_bigint('landed.defectives') }} as defectives,
        {{ to_bigint('landed.defects') }} as defects,
        {{ null_if_blank('landed.sample_id') }} as sample_id
    from landed

),

judged as (

    select
        *,
        case
            when stream is null then 'no key'
            when sampled_at is null then 'no valid time'
            when sample_size is null and {{ landed_blank('sample_size') }} then 'required column empty'
            when sample_size is null then 'value is not a number'
            when defectives is null and not {{ landed_blank('defectives') }} then 'value is not a number'
            when defects is null and not {{ landed_blank('defects') }} then 'value is not a number'
            when defectives is null and defects is null then 'required column empty'
            when sample_size < 0 or defectives < 0 or defects < 0 then 'negative quantity'
            when sample_size = 0 then 'no sample'
            when defectives > sample_size then 'impossible count'
            when {{ is_in_future('sampled_at') }} then 'time in the future'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key_if_present='sample_id') }}

select * from settled
