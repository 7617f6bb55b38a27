with landed as (

    select * from {{ ref('landing_supplier_receipts') }}

),

typed as (

    select
        {{ null_if_blank('landed.receipt_id') }} as row_key,
        {{ row_as_json('landed', [
            'receipt_id',
            'supplier_id',
            'supplier_lot_id',
            'sku_id',
            'received_at',
            'quantity_received',
            'quantity_rejected',
            'promised_at',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.receipt_id') }} as receipt_id,
        {{ null_if_blank('landed.supplier_id') }} as supplier_id,
        {{ null_if_blank('landed.supplier_lot_id') }} as supplier_lot_id,
        {{ null_if_blank('landed.sku_id') }} as sku_id,
        {{ to_timestamp_utc('landed.received_at') }} as received_at,
        {{ to_bigint('landed.quantity_received') }} as quantity_received,
        {{ to_bigint('landed.quantity_rejected') }} as quantity_rejected,
        {{ to_timestamp_utc('landed.promised_at') }} as promised_at
    from landed

),

judged as (

    select
        *,
        case
            when receipt_id is null then 'no key'
            when received_at is null then 'no valid time'
            when supplier_id is null or supplier_lot_id is null or sku_id is null then 'required column empty'
            when quantity_received is null and {{ landed_blank('quantity_received') }} then 'required column empty'
            when quantity_received is null then 'value is not a number'
            when quantity_received < 0 or quantity_rejected < 0 then 'negative quantity'
            when quantity_rejected > quantity_received then 'more rejected than received'
            when {{ is_in_future('received_at') }} then 'time in the future'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['receipt_id'], latest_by='received_at') }}

select * from settled
