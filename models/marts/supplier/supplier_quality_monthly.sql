{{ config(contract=public_contract()) }}

with rates as (

    select * from {{ ref('supplier_rates') }}

),

suppliers as (

    select * from {{ ref('ods_suppliers') }}

),

scores as (

    select * from {{ ref('supplier_scores') }}

),

grades as (

    select * from {{ ref('supplier_grades') }}

),

thresholds as (

    select
        max(case when threshold = 'min_judged_lots' then value end) as min_judged_lots,
        max(case when threshold = 'min_judged_quantity' then value end) as min_judged_quantity,
        max(case when threshold = 'funnel_sigmas' then value end) as funnel_sigmas,
        max(case when threshold = 'trend_z' then value end) as trend_z
    from {{ ref('supplier_thresholds') }}

),

-- Too few lots or parts earn no grade: chance would be ranked.
assessed as (

    select
        rates.*,
        scores.score,
        coalesce(rates.lots_judged >= thresholds.min_judged_lots, false)
        and coalesce(rates.quantity_judged >= thresholds.min_judged_quantity, false) as is_graded,
        thresholds.trend_z,
        thresholds.funnel_sigmas
        * sqrt(rates.funnel_centre * (1 - rates.funnel_centre) / nullif(rates.quantity_judged, 0)) as funnel_half_width,
        (rates.rejected_share_3_months - rates.rejected_share_3_months_before) / nullif(sqrt(
            rates.pooled_share * (1 - rates.pooled_share) * (
                {{ ratio('1', 'rates.quantity_judged_3_months') }} + {{ ratio('1', 'rates.quantity_judged_3_months_before') }}
            )
        ), 0) as trend_z_score
    from rates
    cross join thresholds
    left join scores
        on
            rates.supplier_id = scores.supplier_id
            and rates.report_month = scores.report_month

),

grades_earned as (

    select
        assessed.supplier_id,
        assessed.report_month,
        max(grades.min_score) as min_score
    from assessed
    inner join grades
        on
            assessed.is_graded
            and assessed.score >= grades.min_score
    group by
        assessed.supplier_id,
        assessed.report_month

)

select
    assessed.supplier_id,
    suppliers.supplier_name,
    assessed.report_month,

    ----------  received
    coalesce(assessed.receipts, 0) as receipts,
    assessed.receipts_not_judged,
    assessed.lots_received,
    assessed.lots_judged,
    assessed.lots_accepted,
    assessed.lot_acceptance,
    assessed.quantity_received,
    assessed.quantity_judged,
    assessed.quantity_rejected,
    assessed.receipts_promised,
    assessed.receipts_on_time,
    assessed.on_time_share,

    ----------  parts per million
    assessed.rejected_share * 1000000 as ppm,
    {{ ratio('assessed.quantity_rejected', 'assessed.quantity_received') }} * 1000000 as ppm_of_all_received,
    {{ wilson_low('assessed.quantity_rejected', 'assessed.quantity_judged') }} * 1000000 as ppm_low,
    {{ wilson_high('assessed.quantity_rejected', 'assessed.quantity_judged') }} * 1000000 as ppm_high,
    cast(assessed.quantity_judged_3_months as {{ dbt.type_bigint() }}) as quantity_judged_3_months,
    cast(assessed.quantity_rejected_3_months as {{ dbt.type_bigint() }}) as quantity_rejected_3_months,
    assessed.rejected_share_3_months * 1000000 as ppm_3_months,
    cast(assessed.quantity_judged_12_months as {{ dbt.type_bigint() }}) as quantity_judged_12_months,
    cast(assessed.quantity_rejected_12_months as {{ dbt.type_bigint() }}) as quantity_rejected_12_months,
    {{ ratio('assessed.quantity_rejected_12_months', 'assessed.quantity_judged_12_months') }} * 1000000 as ppm_12_months,
    cast(assessed.quantity_judged_year_to_date as {{ dbt.type_bigint() }}) as quantity_judged_year_to_date,
    cast(assessed.quantity_rejected_year_to_date as {{ dbt.type_bigint() }}) as quantity_rejected_year_to_date,
    {{ ratio('assessed.quantity_rejected_year_to_date', 'assessed.quantity_judged_year_to_date') }} * 1000000
        as ppm_year_to_date,

    ----------  against the other suppliers of the month
    assessed.funnel_centre * 1000000 as funnel_centre_ppm,
    greatest(0.0, assessed.funnel_centre - assessed.funnel_half_width) * 1000000 as funnel_low_ppm,
    least(1.0, assessed.funnel_centre + assessed.funnel_half_width) * 1000000 as funnel_high_ppm,
    case
        when assessed.rejected_share > least(1.0, assessed.funnel_centre + assessed.funnel_half_width) then 'above'
        when assessed.rejected_share < greatest(0.0, assessed.funnel_centre - assessed.funnel_half_width) then 'below'
        when assessed.rejected_share is not null then 'inside'
    end as funnel_position,

    ----------  found on the line
    assessed.parts_inspected,
    assessed.line_defects,
    assessed.escapes,
    assessed.escapes_ai_only,

    ----------  money
    assessed.rejected_value,
    assessed.receipts_unpriced,
    assessed.escape_cost,
    assessed.confirmed_escape_cost,
    case
        when assessed.rejected_value is not null or assessed.escape_cost is not null
            then coalesce(assessed.rejected_value, 0) + coalesce(assessed.escape_cost, 0)
    end as cost_of_poor_quality,
    case
        when assessed.rejected_value is not null or assessed.confirmed_escape_cost is not null
            then coalesce(assessed.rejected_value, 0) + coalesce(assessed.confirmed_escape_cost, 0)
    end as charge_back,
    {{ sql_text(var('plant_currency')) }} as currency,

    ----------  assessment
    case when assessed.is_graded then assessed.score end as score,
    grades.grade,
    case
        when coalesce(assessed.receipts, 0) = 0 then 'no receipts'
        when coalesce(assessed.lots_judged, 0) = 0 then 'nothing judged yet'
        when not assessed.is_graded then 'too few lots or parts'
    end as no_grade_reason,
    grades.required_action,
    case
        when assessed.trend_z_score > assessed.trend_z then 'worse'
        when assessed.trend_z_score < -assessed.trend_z then 'better'
        when
            assessed.quantity_judged_3_months > 0
            and assessed.quantity_judged_3_months_before > 0
            then 'no clear change'
    end as trend
from assessed
left join suppliers
    on assessed.supplier_id = suppliers.supplier_id
left join grades_earned
    on
        assessed.supplier_id = grades_earned.supplier_id
        and assessed.report_month = grades_earned.report_month
left join grades
    on grades_earned.min_score = grades.min_score
