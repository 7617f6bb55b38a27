{{ landing_rows(
    'mes_acknowledgements',
    required_columns=[
        'action_key',
        'acknowledged_at',
        'status',
    ],
    optional_columns=[
        'version',
        'mes_reference',
        'message',
    ],
) }}
