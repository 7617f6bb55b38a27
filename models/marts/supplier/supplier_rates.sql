with supplier_months as (

    select * from {{ ref('supplier_months') }}

),

windows_summed as (

    select
        *,
    {%- for months in [3, 12] %}
        sum(quantity_judged) over (
            partition by supplier_id
            order by report_month
            rows between {{ months - 1 }} preceding and current row
        ) as quantity_judged_{{ months }}_months,
        sum(quantity_rejected) over (
            partition by supplier_id
            order by report_month
            rows between {{ months - 1 }} preceding and current row
        ) as quantity_rejected_{{ months }}_months,
    {%- endfor %}
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
    *,
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
