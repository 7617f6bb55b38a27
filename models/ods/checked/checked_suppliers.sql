with landed as (

    select * from {{ ref('landing_suppliers') }}

),

typed as (

    select
        {{ null_if_blank('landed.supplier_id') }} as row_key,
        {{ row_as_json('landed', [
            'supplier_id',
            'supplier_name',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.supplier_id') }} as supplier_id,
        {{ null_if_blank('landed.supplier_name') }} as supplier_name
    from landed

),

judged as (

    select
        *,
        case
            when supplier_id is null then 'no key'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['supplier_id']) }}

select * from settled
