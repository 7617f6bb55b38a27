{{ landing_rows(
    'quality_improvements',
    required_columns=[
        'improvement_id',
        'line_id',
        'started_on',
    ],
    optional_columns=[
        'description',
        'investment',
        'currency',
    ],
) }}
