with landed as (

    select * from {{ ref('landing_human_reviews') }}

),

label_spellings as (

    select * from {{ ref('ods_label_spellings') }}

),

typed as (

    select
        {{ null_if_blank('landed.review_id') }} as row_key,
        {{ row_as_json('landed', [
            'review_id',
            'inspection_id',
            'reviewed_at',
            'reviewer_id',
            'review_reason',
            'is_blind',
            'reviewed_category',
            'reviewed_severity',
            'reviewed_action',
            'note',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.review_id') }} as review_id,
        {{ null_if_blank('landed.inspection_id') }} as inspection_id,
        {{ to_timestamp_utc('landed.reviewed_at') }} as reviewed_at,
        {{ null_if_blank('landed.reviewer_id') }} as reviewer_id,
        review_reason_spelling.label as review_reason,
        {{ to_boolean('landed.is_blind') }} as is_blind,
        reviewed_category_spelling.label as reviewed_category,
        reviewed_severity_spelling.label as reviewed_severity,
        reviewed_action_spelling.label as reviewed_action,
        landed.note
    from landed
    left join label_spellings as review_reason_spelling
        on
            review_reason_spelling.label_set = 'review_reason'
            and review_reason_spelling.spelling = {{ normalised_label('landed.review_reason') }}
    left join label_spellings as reviewed_category_spelling
        on
            reviewed_category_spelling.label_set = 'category'
            and reviewed_category_spelling.spelling = {{ normalised_label('landed.reviewed_category') }}
    left join label_spellings as reviewed_severity_spelling
        on
            reviewed_severity_spelling.label_set = 'severity'
            and reviewed_severity_spelling.spelling = {{ normalised_label('landed.reviewed_severity') }}
    left join label_spellings as reviewed_action_spelling
        on
            reviewed_action_spelling.label_set = 'action'
            and reviewed_action_spelling.spelling = {{ normalised_label('landed.reviewed_action') }}

),

judged as (

    select
        *,
        case
            when review_id is null then 'no key'
            when reviewed_at is null then 'no valid time'
            when inspection_id is null or reviewer_id is null then 'required column empty'
            when reviewed_category is null and {{ landed_blank('reviewed_category') }} then 'required column empty'
            when reviewed_category is null then 'unknown category'
            when {{ is_in_future('reviewed_at') }} then 'time in the future'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['review_id'], latest_by='reviewed_at') }}

select * from settled
