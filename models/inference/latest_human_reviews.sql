with human_reviews as (

    select * from {{ ref('ods_human_reviews') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by inspection_id
            order by reviewed_at desc, review_id desc
        ) as review_number,
        count(*) over (partition by inspection_id) as review_count
    from human_reviews

)

select
    inspection_id,
    review_id,
    reviewed_at,
    reviewer_id,
    review_reason,
    is_blind,
    reviewed_category,
    reviewed_severity,
    reviewed_action,
    review_count
from ranked
where review_number = 1
