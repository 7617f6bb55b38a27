with landed as (

    select * from {{ ref('landing_lines') }}

),

typed as (

    select
        {{ null_if_blank('landed.line_id') }} as row_key,
        {{ row_as_json('landed', [
            'line_id',
            'line_name',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.line_id') }} as line_id,
        {{ null_if_blank('landed.line_name') }} as line_name
    from landed

),

judged as (

    select
        *,
        case
            when line_id is null then 'no key'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['line_id']) }}

select * from settled
