{{ landing_rows(
    'ai_recorded_answers',
    required_columns=[
        'step',
        'inspection_id',
        'model',
    ],
    optional_columns=[
        'raw_response',
        'prompt_version',
        'content_sha256',
        'error',
    ],
) }}
