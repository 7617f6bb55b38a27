with landed as (

    select * from {{ ref('landing_net_sales') }}

),

typed as (

    select
        {{ joined_key(['landed.sales_month', 'landed.sku_id', 'landed.currency']) }} as row_key,
        {{ row_as_json('landed', [
            'sales_month',
            'sku_id',
            'amount',
            'currency',
        ]) }} as raw_row,
        landed.landing_file,
        {{ to_date('landed.sales_month') }} as sales_month,
        {{ null_if_blank('landed.sku_id') }} as sku_id,
        {{ to_double('landed.amount') }} as amount,
        upper({{ null_if_blank('landed.currency') }}) as currency
    from landed

),

judged as (

    select
        *,
        case
            when sku_id is null then 'no key'
            when sales_month is null then 'no valid time'
            when currency is null then 'required column empty'
            when amount is null and {{ landed_blank('amount') }} then 'required column empty'
            when amount is null then 'value is not a number'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['sales_month', 'sku_id', 'currency']) }}

select * from settled
