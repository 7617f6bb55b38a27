{{ landing_rows(
    'human_reviews',
    required_columns=[
        'review_id',
        'inspection_id',
        'reviewed_at',
        'reviewer_id',
        'review_reason',
        'is_blind',
        'reviewed_category',
    ],
    optional_columns=[
        'reviewed_severity',
        'reviewed_action',
        'note',
    ],
) }}
