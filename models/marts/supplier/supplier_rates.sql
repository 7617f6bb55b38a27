with supplier_months as (

    select * from {{ ref('supplier_months') }}

),

windows_summed as (

    select
        *,
        sum(quantity_judged) over (
            partition by supplier_id
            order by report_month
            rows between 2 preceding and current row
        ) as quantity_judged_3_months,
        sum(quantity_rejected) over (
            partition by supplier_id
            order by report_month
            rows between 2 preceding and current row
        ) as quantity_rejected_3_months,
        sum(quantity_judged) over (
            partition by supplier_id
            order by report_month
            rows between 11 preceding and current row
        ) as quantity_judged_12_months,
        sum(quantity_rejected) over (
            partition by supplier_id
            order by report_month
            rows between 11 preceding and current row
        ) as quantity_rejected_12_months,
        sum(quantity_judged) over (
            partition by supplier_id
            order by report_month
            rows between 5 preceding and 3 preceding
        ) as quantity_judged_3_months_before,
        sum(quantity_rejected) over (
            partition by supplier_id
            order by report_month
            rows between 5 preceding and 3 preceding
        ) as quantity_rejected_3_months_before,
        sum(quantity_judged) over (
            partition by supplier_id, report_year
            order by report_month
            rows between unbounded preceding and current row
        ) as quantity_judged_year_to_date,
        sum(quantity_rejected) over (
            partition by supplier_id, report_year
            order by report_month
            rows between unbounded preceding and current row
        ) as quantity_rejected_year_to_date,
        sum(quantity_judged) over (partition by report_month) as quantity_judged_all_suppliers,
        sum(quantity_rejected) over (partition by report_month) as quantity_rejected_all_suppliers
    from supplier_months

)

select
    supplier_id,
    report_month,
    report_year,
    receipts,
    receipts_not_judged,
    quantity_received,
    quantity_judged,
    quantity_rejected,
    receipts_promised,
    receipts_on_time,
    rejected_value,
    receipts_unpriced,
    lots_received,
    lots_judged,
    lots_accepted,
    parts_inspected,
    line_defects,
    escapes,
    escapes_ai_only,
    escape_cost,
    confirmed_escape_cost,
    quantity_judged_3_months,
    quantity_rejected_3_months,
    quantity_judged_12_months,
    quantity_rejected_12_months,
    quantity_judged_3_months_before,
    quantity_rejected_3_months_before,
    quantity_judged_year_to_date,
    quantity_rejected_year_to_date,
    quantity_judged_all_suppliers,
    quantity_rejected_all_suppliers,
    {{ ratio('quantity_rejected', 'quantity_judged') }} as rejected_share,
    {{ ratio('quantity_rejected_3_months', 'quantity_judged_3_months') }} as rejected_share_3_months,
    {{ ratio('quantity_rejected_3_months_before', 'quantity_judged_3_months_before') }}
        as rejected_share_3_months_before,
    {{ ratio('lots_accepted', 'lots_judged') }} as lot_acceptance,
    {{ ratio('receipts_on_time', 'receipts_promised') }} as on_time_share,
    {{ ratio('quantity_rejected_all_suppliers', 'quantity_judged_all_suppliers') }} as funnel_centre,
    {{ ratio('quantity_rejected_3_months + quantity_rejected_3_months_before',
        'quantity_judged_3_months + quantity_judged_3_months_before') }} as pooled_share
from windows_summed
