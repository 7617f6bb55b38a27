{{ landing_rows(
    'line_stop_releases',
    required_columns=[
        'line_id',
        'released_at',
        'released_by',
    ],
    optional_columns=[
        'reason',
    ],
) }}
