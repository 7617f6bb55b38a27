with landed as (

    select * from {{ ref('landing_sensor_readings') }}

),

typed as (

    select
        {{ joined_key(['landed.equipment_id', 'landed.parameter', 'landed.reading_time']) }} as row_key,
        {{ row_as_json('landed', [
            'reading_time',
            'equipment_id',
            'parameter',
            'value',
            'unit',
        ]) }} as raw_row,
        landed.landing_file,
        {{ to_timestamp_utc('landed.reading_time') }} as reading_time,
        {{ null_if_blank('landed.equipment_id') }} as equipment_id,
        {{ null_if_blank('landed.parameter') }} as parameter,
        {{ to_double('landed.value') }} as value,
        {{ null_if_blank('landed.unit') }} as unit
    from landed

),

judged as (

    select
        *,
        case
            when equipment_id is null or parameter is null then 'no key'
            when reading_time is null then 'no valid time'
            when value is null and {{ landed_blank('value') }} then 'required column empty'
            when value is null then 'value is not a number'
            when {{ is_in_future('reading_time') }} then 'time in the future'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['equipment_id', 'parameter', 'reading_time']) }}

select * from settled
