with landed as (

    select * from {{ ref('landing_production_output') }}

),

typed as (

    select
        {{ joined_key(['landed.line_id', 'landed.sku_id', 'landed.shift', 'landed.output_hour']) }} as row_key,
        {{ row_as_json('landed', [
            'output_hour',
            'line_id',
            'sku_id',
            'shift',
            'units_produced',
        ]) }} as raw_row,
        landed.landing_file,
        {{ to_timestamp_utc('landed.output_hour') }} as output_hour,
        {{ null_if_blank('landed.line_id') }} as line_id,
        {{ null_if_blank('landed.sku_id') }} as sku_id,
        {{ null_if_blank('landed.shift') }} as shift,
        {{ to_bigint('landed.units_produced') }} as units_produced
    from landed

),

judged as (

    select
        *,
        case
            when line_id is null or sku_id is null or shift is null then 'no key'
            when output_hour is null then 'no valid time'
            when units_produced is null and {{ landed_blank('units_produced') }} then 'required column empty'
            when units_produced is null then 'value is not a number'
            when units_produced < 0 then 'negative quantity'
            when {{ is_in_future('output_hour') }} then 'time in the future'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['line_id', 'sku_id', 'shift', 'output_hour']) }}

select * from settled
