with resolved_categories as (

    select * from {{ ref('resolved_categories') }}

),

inspections as (

    select * from {{ ref('ods_defect_inspection_records') }}

),

extract_answers as (

    select * from {{ ref('ai_extract_answers') }}

),

latest_reviews as (

    select * from {{ ref('latest_human_reviews') }}

),

severity_rules as (

    select * from {{ ref('severity_rules') }}

),

evidence as (

    select
        resolved_categories.inspection_id,
        resolved_categories.category,
        inspections.raw_severity,
        extract_answers.area_ratio,
        extract_answers.defect_count,
        latest_reviews.reviewed_severity
    from resolved_categories
    inner join inspections
        on resolved_categories.inspection_id = inspections.inspection_id
    left join extract_answers
        on resolved_categories.inspection_id = extract_answers.inspection_id
    left join latest_reviews
        on resolved_categories.inspection_id = latest_reviews.inspection_id

),

-- An empty cell of a rule fits anything; a figure that is not known fits no rule that asks for it.
fitting_rules as (

    select
        evidence.inspection_id,
        severity_rules.rule_order,
        severity_rules.severity,
        row_number() over (
            partition by evidence.inspection_id
            order by severity_rules.rule_order
        ) as rule_number
    from evidence
    inner join severity_rules
        on
            (severity_rules.category is null or evidence.category = severity_rules.category)
            and (severity_rules.inspector_severity is null or evidence.raw_severity = severity_rules.inspector_severity)
            and (severity_rules.min_area_ratio is null or evidence.area_ratio >= severity_rules.min_area_ratio)
            and (severity_rules.min_defect_count is null or evidence.defect_count >= severity_rules.min_defect_count)
    where evidence.category is not null

),

resolved as (

    select
        evidence.inspection_id,
        evidence.raw_severity,
        fitting_rules.severity as rule_severity,
        fitting_rules.rule_order as severity_rule,
        evidence.reviewed_severity,
        case
            when {{ "true" if 'reviewed' in resolution_order() else "false" }} then evidence.reviewed_severity
        end as overriding_severity
    from evidence
    left join fitting_rules
        on
            evidence.inspection_id = fitting_rules.inspection_id
            and fitting_rules.rule_number = 1

)

select
    inspection_id,
    raw_severity,
    rule_severity,
    severity_rule,
    reviewed_severity,
    coalesce(overriding_severity, rule_severity) as severity,
    case
        when overriding_severity is not null then 'reviewed'
        when rule_severity is not null then 'rule'
    end as severity_source,
    case
        when coalesce(overriding_severity, rule_severity) is null then 'undecided'
        when
            coalesce(overriding_severity, rule_severity) in ({{ sql_text_list(var('ai_diagnose_severities')) }})
            then 'in_tier'
        else 'below_tier'
    end as tier
from resolved
