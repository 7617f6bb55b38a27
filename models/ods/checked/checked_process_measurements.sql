with landed as (

    select * from {{ ref('landing_process_measurements') }}

),

typed as (

    select
        {{ joined_key([
            'landed.line_id',
            'landed.sku_id',
            'landed.characteristic',
            'landed.subgroup_id',
            'landed.measured_at',
        ]) }} as row_key,
        {{ row_as_json('landed', [
            'measured_at',
            'line_id',
            'station_id',
            'sku_id',
            'characteristic',
            'subgroup_id',
            'value',
            'measurement_id',
        ]) }} as raw_row,
        landed.landing_file,
        {{ to_timestamp_utc('landed.measured_at') }} as measured_at,
        {{ null_if_blank('landed.line_id') }} as line_id,
        {{ null_if_blank('landed.station_id') }} as station_id,
        {{ null_if_blank('landed.sku_id') }} as sku_id,
        {{ null_if_blank('landed.characteristic') }} as characteristic,
        {{ null_if_blank('landed.subgroup_id') }} as subgroup_id,
        {{ to_double('landed.value') }} as value,
        {{ null_if_blank('landed.measurement_id') }} as measurement_id
    from landed

),

judged as (

    select
        *,
        case
            when measured_at is null then 'no valid time'
            when
                line_id is null or sku_id is null or characteristic is null or subgroup_id is null
                then 'required column empty'
            when value is null and {{ landed_blank('value') }} then 'required column empty'
            when value is null then 'value is not a number'
            when {{ is_in_future('measured_at') }} then 'time in the future'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key_if_present='measurement_id') }}

select * from settled
