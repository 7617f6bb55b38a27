with landed as (

    select * from {{ ref('landing_line_stop_releases') }}

),

typed as (

    select
        {{ joined_key(['landed.line_id', 'landed.released_at']) }} as row_key,
        {{ row_as_json('landed', [
            'line_id',
            'released_at',
            'released_by',
            'reason',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.line_id') }} as line_id,
        {{ to_timestamp_utc('landed.released_at') }} as released_at,
        {{ null_if_blank('landed.released_by') }} as released_by,
        landed.reason
    from landed

),

judged as (

    select
        *,
        case
            when line_id is null then 'no key'
            when released_at is null then 'no valid time'
            when released_by is null then 'required column empty'
            when {{ is_in_future('released_at') }} then 'time in the future'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['line_id', 'released_at']) }}

select * from settled
