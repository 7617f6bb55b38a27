with checked as (

    select * from {{ ref('checked_human_reviews') }}

)

select
    review_id,
    inspection_id,
    reviewed_at,
    reviewer_id,
    review_reason,
    is_blind,
    reviewed_category,
    reviewed_severity,
    reviewed_action,
    note,
    version_count,
    is_version_tie
from checked
where row_status = 'kept'
