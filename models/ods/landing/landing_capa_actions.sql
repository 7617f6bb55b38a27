{{ landing_rows(
    'capa_actions',
    required_columns=[
        'action_id',
        'case_id',
        'owner',
    ],
    optional_columns=[
        'description',
        'recorded_on',
        'due_on',
        'done_on',
    ],
) }}
