{{ landing_rows(
    'production_output',
    required_columns=[
        'output_hour',
        'line_id',
        'sku_id',
        'shift',
        'units_produced',
    ],
) }}
