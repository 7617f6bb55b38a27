with landed as (

    select * from {{ ref('landing_quality_cost_entries') }}

),

label_spellings as (

    select * from {{ ref('ods_label_spellings') }}

),

typed as (

    select
        {{ null_if_blank('landed.entry_id') }} as row_key,
        {{ row_as_json('landed', [
            'entry_id',
            'booked_on',
            'line_id',
            'sku_id',
            'cost_category',
            'cost_item',
            'amount',
            'currency',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.entry_id') }} as entry_id,
        {{ to_date('landed.booked_on') }} as booked_on,
        {{ null_if_blank('landed.line_id') }} as line_id,
        {{ null_if_blank('landed.sku_id') }} as sku_id,
        cost_category_spelling.label as cost_category,
        {{ null_if_blank('landed.cost_item') }} as cost_item,
        {{ to_double('landed.amount') }} as amount,
        upper({{ null_if_blank('landed.currency') }}) as currency
    from landed
    left join label_spellings as cost_category_spelling
        on
            cost_category_spelling.label_set = 'cost_category'
            and cost_category_spelling.spelling = {{ normalised_label('landed.cost_category') }}

),

judged as (

    select
        *,
        case
            when entry_id is null then 'no key'
            when booked_on is null then 'no valid time'
            when cost_item is null or currency is null then 'required column empty'
            when cost_category is null and {{ landed_blank('cost_category') }} then 'required column empty'
            when cost_category is null then 'unknown cost category'
            when amount is null and {{ landed_blank('amount') }} then 'required column empty'
            when amount is null then 'value is not a number'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['entry_id'], latest_by='booked_on') }}

select * from settled
