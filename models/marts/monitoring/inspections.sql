with inspections as (

    select * from {{ ref('ods_defect_inspection_records') }}

),

defect_analysis as (

    select * from {{ ref('defect_analysis') }}

),

resolved_categories as (

    select * from {{ ref('resolved_categories') }}

),

latest_reviews as (

    select * from {{ ref('latest_human_reviews') }}

),

defect_categories as (

    select * from {{ ref('defect_categories') }}

),

severity_actions as (

    select * from {{ ref('severity_actions') }}

),

joined as (

    select
        inspections.inspection_id,
        inspections.inspect_time,
        inspections.recorded_at,
        {{ plant_day('inspections.inspect_time') }} as local_day,
        {{ plant_hour_start('inspections.inspect_time') }} as plant_hour,
        inspections.line_id,
        inspections.station_id,
        inspections.shift,
        inspections.sku_id,
        inspections.part_serial,
        inspections.supplier_id,
        inspections.supplier_lot_id,
        inspections.inspector_id,
        inspections.inspection_source,
        inspections.aoi_verdict,
        inspections.description,
        inspections.version_count,
        defect_analysis.image_path,
        defect_analysis.image_state,
        defect_analysis.image_quality,
        inspections.raw_category,
        resolved_categories.ai_category,
        defect_analysis.classify_state,
        latest_reviews.reviewed_category,
        defect_analysis.category,
        defect_analysis.category_source,
        coalesce(defect_categories.is_defect, false) as is_defect,
        coalesce(defect_categories.is_judged, false) as is_judged,
        inspections.raw_severity,
        latest_reviews.reviewed_severity,
        defect_analysis.severity,
        defect_analysis.severity_source,
        defect_analysis.severity_rule,
        defect_analysis.ai_location,
        defect_analysis.ai_area_ratio,
        defect_analysis.ai_defect_count,
        defect_analysis.ai_confidence,
        defect_analysis.tier,
        defect_analysis.diagnose_state,
        defect_analysis.ai_root_cause,
        defect_analysis.ai_root_cause_code,
        defect_analysis.ai_action,
        latest_reviews.reviewed_action,
        latest_reviews.reviewed_at,
        latest_reviews.reviewer_id,
        severity_actions.default_action
    from inspections
    inner join defect_analysis
        on inspections.inspection_id = defect_analysis.inspection_id
    inner join resolved_categories
        on inspections.inspection_id = resolved_categories.inspection_id
    left join latest_reviews
        on inspections.inspection_id = latest_reviews.inspection_id
    left join defect_categories
        on defect_analysis.category = defect_categories.category
    left join severity_actions
        on defect_analysis.severity = severity_actions.severity

),

-- A person's action counts first. A diagnosis counts while the part is still in the tier it was made for; an answer
-- nobody could read sends the part to a person. Otherwise the rule of the severity, and without one no action at all.
actions_resolved as (

    select
        *,
        case
            when reviewed_action is not null then reviewed_action
            when category = 'Requires Manual Re-inspection' then 'Re-inspect'
            when diagnose_state = 'invalid' then 'Re-inspect'
            when tier = 'in_tier' and ai_action is not null then ai_action
            else default_action
        end as action,
        case
            when reviewed_action is not null then 'reviewed'
            when category = 'Requires Manual Re-inspection' then 'rule'
            when diagnose_state = 'invalid' then 'rule'
            when tier = 'in_tier' and ai_action is not null then 'ai'
            when default_action is not null then 'rule'
        end as action_source
    from joined

)

select
    inspection_id,

    ----------  when and where
    inspect_time,
    recorded_at,
    local_day,
    plant_hour,
    line_id,
    station_id,
    shift,

    ----------  what and who
    sku_id,
    part_serial,
    supplier_id,
    supplier_lot_id,
    inspector_id,
    inspection_source,
    aoi_verdict,
    description,

    ----------  category
    raw_category,
    ai_category,
    reviewed_category,
    category,
    category_source,
    is_defect,
    is_judged,

    ----------  severity
    raw_severity,
    reviewed_severity,
    severity,
    severity_source,
    severity_rule,

    ----------  action
    ai_action,
    reviewed_action,
    action,
    action_source,
    ai_root_cause,
    ai_root_cause_code,

    ----------  evidence
    image_path,
    image_state,
    image_quality,
    ai_location,
    ai_area_ratio,
    ai_defect_count,
    ai_confidence,
    classify_state,
    tier,
    diagnose_state,
    reviewed_at,
    reviewer_id,
    version_count
from actions_resolved
