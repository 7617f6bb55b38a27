{{ landing_rows(
    'process_measurements',
    required_columns=[
        'measured_at',
        'line_id',
        'sku_id',
        'characteristic',
        'subgroup_id',
        'value',
    ],
    optional_columns=[
        'station_id',
        'measurement_id',
    ],
) }}
