with landed as (

    select * from {{ ref('landing_stations') }}

),

typed as (

    select
        {{ null_if_blank('landed.station_id') }} as row_key,
        {{ row_as_json('landed', [
            'station_id',
            'line_id',
            'station_type',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.station_id') }} as station_id,
        {{ null_if_blank('landed.line_id') }} as line_id,
        {{ normalised_label('landed.station_type') }} as station_type
    from landed

),

judged as (

    select
        *,
        case
            when station_id is null then 'no key'
            when line_id is null then 'required column empty'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['station_id']) }}

select * from settled
