{{ config(contract=public_contract()) }}

with inspections as (

    select * from {{ ref('inspections') }}

),

defect_analysis as (

    select * from {{ ref('defect_analysis') }}

),

human_reviews as (

    select * from {{ ref('ods_human_reviews') }}

),

skus as (

    select * from {{ ref('ods_skus') }}

),

approval_policy as (

    select * from {{ ref('action_approvals') }}

),

-- A random audit is planned looking; every other review was made because somebody was in doubt.
reviews_counted as (

    select
        inspection_id,
        cast({{ count_where("review_reason = 'audit'") }} as bigint) as audits,
        cast({{ count_where("review_reason <> 'audit' or review_reason is null") }} as bigint) as reinspections
    from human_reviews
    group by inspection_id

),

proposed as (

    select
        inspections.*,
        case inspections.action_source when 'reviewed' then 'person' else inspections.action_source end as decided_by,
        case when inspections.action_source = 'reviewed' then inspections.reviewer_id end as decided_by_id,
        case when inspections.action_source = 'reviewed' then inspections.reviewed_at end as decided_at,
        defect_analysis.ai_action_confidence,
        skus.unit_cost,
        coalesce(reviews_counted.audits, 0) as audits,
        coalesce(reviews_counted.reinspections, 0) as reinspections
    from inspections
    inner join defect_analysis
        on inspections.inspection_id = defect_analysis.inspection_id
    left join skus
        on inspections.sku_id = skus.sku_id
    left join reviews_counted
        on inspections.inspection_id = reviews_counted.inspection_id

),

-- An empty cell of the policy matches anything; what is not known counts as the doubtful case.
policies_matched as (

    select
        proposed.inspection_id,
        min(approval_policy.policy_order) as policy_order
    from proposed
    inner join approval_policy
        on
            proposed.decided_by = approval_policy.decided_by
            and (approval_policy.action is null or proposed.action = approval_policy.action)
            and (
                approval_policy.below_confidence is null
                or coalesce(proposed.ai_action_confidence, -1) < approval_policy.below_confidence
            )
            and (
                approval_policy.min_unit_cost is null
                or proposed.unit_cost is null
                or proposed.unit_cost >= approval_policy.min_unit_cost
            )
    group by proposed.inspection_id

),

approvals_applied as (

    select
        proposed.*,
        policies_matched.policy_order as approval_policy_order,
        proposed.decided_by <> 'person' and coalesce(approval_policy.needs_person, true) as needs_approval
    from proposed
    left join policies_matched
        on proposed.inspection_id = policies_matched.inspection_id
    left join approval_policy
        on policies_matched.policy_order = approval_policy.policy_order

),

disposed as (

    select
        *,
        case
            when action is null then 'not judged'
            when action = 'Re-inspect' then 're-inspection'
            when needs_approval then 'approval'
        end as pending_reason,
        case
            when action is null or action = 'Re-inspect' or needs_approval then null
            when action = 'Scrap' then 'scrap'
            when action = 'Rework' then 'rework'
            when action = 'Pass' and category = 'No Defect' then 'no_defect'
            when action = 'Pass' then 'use_as_is'
        end as disposition
    from approvals_applied

),

-- A part is destroyed once: later looks at a scrapped serial repeat the first.
scraps_in_order as (

    select
        inspection_id,
        first_value(inspection_id) over (
            partition by sku_id, part_serial
            order by inspect_time, inspection_id
        ) as first_inspection_id
    from disposed
    where
        disposition = 'scrap'
        and part_serial is not null

)

select
    disposed.inspection_id,

    ----------  when, where and what
    disposed.inspect_time,
    disposed.local_day,
    disposed.line_id,
    disposed.station_id,
    disposed.sku_id,
    disposed.part_serial,
    disposed.supplier_id,
    disposed.supplier_lot_id,
    disposed.category,
    disposed.severity,

    ----------  decision
    disposed.action,
    disposed.decided_by,
    disposed.decided_by_id,
    disposed.decided_at,
    disposed.ai_action_confidence,
    disposed.approval_policy_order,
    disposed.needs_approval,

    ----------  outcome
    case when disposed.disposition is null then 'pending' else 'final' end as state,
    disposed.disposition,
    disposed.pending_reason,
    case
        when scraps_in_order.first_inspection_id <> disposed.inspection_id then scraps_in_order.first_inspection_id
    end as repeats_inspection_id,

    ----------  work done
    disposed.audits,
    disposed.reinspections
from disposed
left join scraps_in_order
    on disposed.inspection_id = scraps_in_order.inspection_id
