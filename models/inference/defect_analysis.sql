with inspections as (

    select * from {{ ref('ods_defect_inspection_records') }}

),

image_states as (

    select * from {{ ref('inspection_image_states') }}

),

classify_answers as (

    select * from {{ ref('ai_classify_answers') }}

),

extract_answers as (

    select * from {{ ref('ai_extract_answers') }}

),

diagnose_answers as (

    select * from {{ ref('ai_diagnose_answers') }}

),

resolved_categories as (

    select * from {{ ref('resolved_categories') }}

),

resolved_severities as (

    select * from {{ ref('resolved_severities') }}

)

select
    inspections.inspection_id,
    inspections.inspect_time,

    ----------  image
    image_states.image_path,
    image_states.image_state,
    image_states.content_sha256,
    image_states.quality_verdict as image_quality,

    ----------  classify
    coalesce(classify_answers.state, 'no_image') as classify_state,
    classify_answers.category as ai_category,
    classify_answers.model as classify_model,
    classify_answers.prompt_version as classify_prompt_version,
    classify_answers.is_current_version as is_classify_current,
    classify_answers.raw_response as classify_raw_response,
    classify_answers.last_error as classify_last_error,

    ----------  extract
    coalesce(extract_answers.state, 'no_image') as extract_state,
    extract_answers.location as ai_location,
    extract_answers.area_ratio as ai_area_ratio,
    extract_answers.defect_count as ai_defect_count,
    extract_answers.confidence as ai_confidence,
    extract_answers.refused_fields as extract_refused_fields,
    extract_answers.model as extract_model,
    extract_answers.prompt_version as extract_prompt_version,
    extract_answers.is_current_version as is_extract_current,
    extract_answers.raw_response as extract_raw_response,
    extract_answers.last_error as extract_last_error,

    ----------  verdict so far
    resolved_categories.category,
    resolved_categories.category_source,
    resolved_severities.severity,
    resolved_severities.severity_source,
    resolved_severities.severity_rule,
    resolved_severities.tier,

    ----------  diagnose
    case
        when diagnose_answers.state is not null then diagnose_answers.state
        -- The category may still come from the picture: whether a diagnosis is due is not known yet.
        when resolved_severities.tier = 'undecided' and classify_answers.state = 'pending' then 'pending'
        else 'not_in_tier'
    end as diagnose_state,
    diagnose_answers.root_cause as ai_root_cause,
    diagnose_answers.root_cause_code as ai_root_cause_code,
    diagnose_answers.action as ai_action,
    diagnose_answers.confidence as ai_action_confidence,
    diagnose_answers.model as diagnose_model,
    diagnose_answers.prompt_version as diagnose_prompt_version,
    diagnose_answers.is_current_version as is_diagnose_current,
    diagnose_answers.raw_response as diagnose_raw_response,
    diagnose_answers.last_error as diagnose_last_error
from inspections
inner join image_states
    on inspections.inspection_id = image_states.inspection_id
inner join resolved_categories
    on inspections.inspection_id = resolved_categories.inspection_id
inner join resolved_severities
    on inspections.inspection_id = resolved_severities.inspection_id
left join classify_answers
    on inspections.inspection_id = classify_answers.inspection_id
left join extract_answers
    on inspections.inspection_id = extract_answers.inspection_id
left join diagnose_answers
    on inspections.inspection_id = diagnose_answers.inspection_id
