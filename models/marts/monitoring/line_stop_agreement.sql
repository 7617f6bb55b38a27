with reviews as (

    select * from {{ ref('ods_human_reviews') }}

),

inspections as (

    select * from {{ ref('inspections') }}

),

settings as (

    {{ threshold_columns([
        'line_stop_agreement_floor', 'line_stop_agreement_minimum_reviews', 'line_stop_agreement_days',
    ]) }}

),

numbers as (

    {{ thousand_numbers() }}

),

days_later as (

    select numbers.n
    from numbers
    cross join settings
    where numbers.n >= 1 and numbers.n <= settings.line_stop_agreement_days

),

-- Only the blind random audit tells how good the model is. Other reviews follow a disagreement or a doubt, and a
-- reviewer who sees the model's answer is led by it.
audits as (

    select
        inspections.line_id,
        {{ plant_day('reviews.reviewed_at') }} as review_day,
        case when inspections.ai_category = reviews.reviewed_category then 1 else 0 end as agreeing
    from reviews
    inner join inspections
        on reviews.inspection_id = inspections.inspection_id
    where
        reviews.is_blind
        and reviews.review_reason = 'audit'
        and reviews.reviewed_category is not null
        and inspections.ai_category is not null

),

daily_audits as (

    select
        line_id,
        review_day,
        count(*) as reviews,
        sum(agreeing) as agreeing
    from audits
    group by line_id, review_day

),

-- A day goes by what was known of the model before it began.
known_audits as (

    select
        daily_audits.line_id,
        {{ days_later('daily_audits.review_day', 'days_later.n') }} as local_day,
        daily_audits.reviews,
        daily_audits.agreeing
    from daily_audits
    cross join days_later

)

select
    known_audits.line_id,
    known_audits.local_day,
    sum(known_audits.reviews) as reviews,
    sum(known_audits.agreeing) as agreeing,
    {{ ratio('sum(known_audits.agreeing)', 'sum(known_audits.reviews)') }} as agreement,
    sum(known_audits.reviews) >= max(settings.line_stop_agreement_minimum_reviews)
    and sum(known_audits.agreeing)
    >= max(settings.line_stop_agreement_floor) * sum(known_audits.reviews) as is_ai_counted
from known_audits
cross join settings
group by known_audits.line_id, known_audits.local_day
