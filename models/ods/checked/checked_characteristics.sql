with landed as (

    select * from {{ ref('landing_characteristics') }}

),

typed as (

    select
        {{ joined_key(['landed.sku_id', 'landed.characteristic']) }} as row_key,
        {{ row_as_json('landed', [
            'sku_id',
            'characteristic',
            'lower_spec',
            'target',
            'upper_spec',
            'unit',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.sku_id') }} as sku_id,
        {{ null_if_blank('landed.characteristic') }} as characteristic,
        {{ to_double('landed.lower_spec') }} as lower_spec,
        {{ to_double('landed.target') }} as target,
        {{ to_double('landed.upper_spec') }} as upper_spec,
        {{ null_if_blank('landed.unit') }} as unit
    from landed

),

judged as (

    select
        *,
        case
            when sku_id is null or characteristic is null then 'no key'
            when lower_spec > upper_spec then 'impossible specification'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['sku_id', 'characteristic']) }}

select * from settled
