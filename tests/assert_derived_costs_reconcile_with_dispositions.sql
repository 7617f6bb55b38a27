-- What the cost mart calls scrap, rework and re-inspection is what the dispositions cost, recomputed here from the
-- dispositions, the unit costs and the rates alone: to the cent, and not a part more or less.
with dispositions as (

    select * from {{ ref('dispositions') }}

),

skus as (

    select * from {{ ref('ods_skus') }}

),

rates as (

    select * from {{ ref('line_cost_rates') }}

),

expected as (

    select
        sum(
            case when dispositions.disposition = 'scrap' and dispositions.repeats_inspection_id is null
                then skus.unit_cost - coalesce(skus.scrap_recovery, 0) end
        ) as scrap,
        sum(case when dispositions.disposition = 'rework' then skus.rework_cost end) as rework,
        sum(
            case when dispositions.reinspections > 0
                then dispositions.reinspections * rates.reinspection_minutes * rates.labour_per_minute end
        ) as reinspection,
        {{ count_where("dispositions.disposition = 'scrap' and dispositions.repeats_inspection_id is null") }} as scrapped_parts,
        {{ count_where("dispositions.disposition = 'rework'") }} as reworked_parts
    from dispositions
    left join skus
        on dispositions.sku_id = skus.sku_id
    left join rates
        on dispositions.line_id = rates.line_id

),

found as (

    select
        sum(case when cost_item = 'scrap' then original_amount end) as scrap,
        sum(case when cost_item = 'rework' then original_amount end) as rework,
        sum(case when cost_item = 're-inspection' then original_amount end) as reinspection,
        coalesce(sum(case when cost_item = 'scrap' then events end), 0) as scrapped_parts,
        coalesce(sum(case when cost_item = 'rework' then events end), 0) as reworked_parts
    from {{ ref('quality_costs') }}
    where
        cost_origin = 'derived'
        and cost_category = 'internal_failure'

)

select
    expected.*,
    found.scrap as found_scrap,
    found.rework as found_rework,
    found.reinspection as found_reinspection,
    found.scrapped_parts as found_scrapped_parts,
    found.reworked_parts as found_reworked_parts
from expected
cross join found
where
    abs(coalesce(expected.scrap, 0) - coalesce(found.scrap, 0)) >= 0.005
    or abs(coalesce(expected.rework, 0) - coalesce(found.rework, 0)) >= 0.005
    or abs(coalesce(expected.reinspection, 0) - coalesce(found.reinspection, 0)) >= 0.005
    or expected.scrapped_parts <> found.scrapped_parts
    or expected.reworked_parts <> found.reworked_parts
