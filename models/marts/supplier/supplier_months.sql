with receipts as (

    select * from {{ ref('ods_supplier_receipts') }}

),

suppliers as (

    select * from {{ ref('ods_suppliers') }}

),

skus as (

    select * from {{ ref('ods_skus') }}

),

escapes as (

    select * from {{ ref('supplier_escapes') }}

),

receipts_dated as (

    select
        receipts.*,
        {{ month_of(plant_day('receipts.received_at')) }} as receipt_month,
        {{ plant_day('receipts.received_at') }} <= {{ plant_day('receipts.promised_at') }} as is_on_time,
        receipts.quantity_rejected * skus.unit_cost as rejected_value,
        receipts.quantity_rejected > 0 and skus.unit_cost is null as is_unpriced
    from receipts
    left join skus
        on receipts.sku_id = skus.sku_id

),

-- A lot may come in several receipts. It is judged once all of them are, and accepted if none had a rejected part.
lots as (

    select
        supplier_id,
        receipt_month,
        supplier_lot_id,
        count(*) = count(quantity_rejected) as is_judged,
        count(*) = count(quantity_rejected) and sum(quantity_rejected) = 0 as is_accepted
    from receipts_dated
    group by
        supplier_id,
        receipt_month,
        supplier_lot_id

),

monthly_lots as (

    select
        supplier_id,
        receipt_month,
        count(*) as lots_received,
        sum(case when is_judged then 1 else 0 end) as lots_judged,
        sum(case when is_accepted then 1 else 0 end) as lots_accepted
    from lots
    group by
        supplier_id,
        receipt_month

),

monthly_receipts as (

    select
        supplier_id,
        receipt_month,
        count(*) as receipts,
        sum(case when quantity_rejected is null then 1 else 0 end) as receipts_not_judged,
        sum(quantity_received) as quantity_received,
        sum(case when quantity_rejected is not null then quantity_received end) as quantity_judged,
        sum(quantity_rejected) as quantity_rejected,
        count(promised_at) as receipts_promised,
        sum(case when is_on_time then 1 else 0 end) as receipts_on_time,
        sum(rejected_value) as rejected_value,
        sum(case when is_unpriced then 1 else 0 end) as receipts_unpriced
    from receipts_dated
    group by
        supplier_id,
        receipt_month

),

monthly_escapes as (

    select
        supplier_id,
        {{ month_of('local_day') }} as escape_month,
        count(*) as parts_inspected,
        sum(case when is_defect then 1 else 0 end) as line_defects,
        sum(case when is_escape then 1 else 0 end) as escapes,
        sum(case when is_escape and not is_confirmed then 1 else 0 end) as escapes_ai_only,
        sum(case when is_escape then line_cost end) as escape_cost,
        sum(case when is_escape and is_confirmed then line_cost end) as confirmed_escape_cost
    from escapes
    group by
        supplier_id,
        {{ month_of('local_day') }}

),

months_seen as (

    select receipt_month as month_seen from monthly_receipts
    union
    select escape_month as month_seen from monthly_escapes

),

period as (

    select
        min(month_seen) as first_month,
        max(month_seen) as last_month
    from months_seen

),

-- A month without receipts is a row of its own, so that a rolling window is a number of months and not of rows.
calendar as (

    select {{ months_later('period.first_month', 'numbers.n') }} as report_month
    from period
    cross join ({{ thousand_numbers() }}) as numbers
    where {{ months_later('period.first_month', 'numbers.n') }} <= period.last_month

),

suppliers_seen as (

    select supplier_id from suppliers
    union
    select supplier_id from monthly_receipts
    union
    select supplier_id from monthly_escapes

)

select
    suppliers_seen.supplier_id,
    calendar.report_month,
    extract(year from calendar.report_month) as report_year,
    monthly_receipts.receipts,
    cast(monthly_receipts.receipts_not_judged as {{ dbt.type_bigint() }}) as receipts_not_judged,
    cast(monthly_receipts.quantity_received as {{ dbt.type_bigint() }}) as quantity_received,
    cast(monthly_receipts.quantity_judged as {{ dbt.type_bigint() }}) as quantity_judged,
    cast(monthly_receipts.quantity_rejected as {{ dbt.type_bigint() }}) as quantity_rejected,
    monthly_receipts.receipts_promised,
    cast(monthly_receipts.receipts_on_time as {{ dbt.type_bigint() }}) as receipts_on_time,
    monthly_receipts.rejected_value,
    cast(monthly_receipts.receipts_unpriced as {{ dbt.type_bigint() }}) as receipts_unpriced,
    monthly_lots.lots_received,
    cast(monthly_lots.lots_judged as {{ dbt.type_bigint() }}) as lots_judged,
    cast(monthly_lots.lots_accepted as {{ dbt.type_bigint() }}) as lots_accepted,
    monthly_escapes.parts_inspected,
    cast(monthly_escapes.line_defects as {{ dbt.type_bigint() }}) as line_defects,
    cast(monthly_escapes.escapes as {{ dbt.type_bigint() }}) as escapes,
    cast(monthly_escapes.escapes_ai_only as {{ dbt.type_bigint() }}) as escapes_ai_only,
    monthly_escapes.escape_cost,
    monthly_escapes.confirmed_escape_cost
from suppliers_seen
cross join calendar
left join monthly_receipts
    on
        suppliers_seen.supplier_id = monthly_receipts.supplier_id
        and calendar.report_month = monthly_receipts.receipt_month
left join monthly_lots
    on
        suppliers_seen.supplier_id = monthly_lots.supplier_id
        and calendar.report_month = monthly_lots.receipt_month
left join monthly_escapes
    on
        suppliers_seen.supplier_id = monthly_escapes.supplier_id
        and calendar.report_month = monthly_escapes.escape_month
