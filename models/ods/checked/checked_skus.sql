with landed as (

    select * from {{ ref('landing_skus') }}

),

typed as (

    select
        {{ null_if_blank('landed.sku_id') }} as row_key,
        {{ row_as_json('landed', [
            'sku_id',
            'sku_name',
            'unit_cost',
            'rework_cost',
            'scrap_recovery',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.sku_id') }} as sku_id,
        {{ null_if_blank('landed.sku_name') }} as sku_name,
        {{ to_double('landed.unit_cost') }} as unit_cost,
        {{ to_double('landed.rework_cost') }} as rework_cost,
        {{ to_double('landed.scrap_recovery') }} as scrap_recovery
    from landed

),

judged as (

    select
        *,
        case
            when sku_id is null then 'no key'
            when unit_cost < 0 or rework_cost < 0 or scrap_recovery < 0 then 'negative quantity'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['sku_id']) }}

select * from settled
