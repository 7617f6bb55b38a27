{{ landing_rows(
    'sensor_readings',
    required_columns=[
        'reading_time',
        'equipment_id',
        'parameter',
        'value',
    ],
    optional_columns=[
        'unit',
    ],
) }}
