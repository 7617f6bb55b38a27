with inspections as (

    select * from {{ ref('ods_defect_inspection_records') }}

),

classify_answers as (

    select * from {{ ref('ai_classify_answers') }}

),

latest_reviews as (

    select * from {{ ref('latest_human_reviews') }}

),

-- A model that answered but could not be understood has not judged: a person has to look.
judgements as (

    select
        inspections.inspection_id,
        inspections.raw_category,
        case
            when classify_answers.state = 'invalid' then 'Requires Manual Re-inspection'
            else classify_answers.category
        end as ai_category,
        latest_reviews.reviewed_category
    from inspections
    left join classify_answers
        on inspections.inspection_id = classify_answers.inspection_id
    left join latest_reviews
        on inspections.inspection_id = latest_reviews.inspection_id

)

{%- set judgements = {'raw': 'raw_category', 'ai': 'ai_category', 'reviewed': 'reviewed_category'} %}

select
    inspection_id,
    raw_category,
    ai_category,
    reviewed_category,
    {{ resolved_value(judgements) }} as category,
    {{ resolved_source(judgements) }} as category_source
from judgements
