{{ landing_rows(
    'quality_cost_entries',
    required_columns=[
        'entry_id',
        'booked_on',
        'cost_category',
        'cost_item',
        'amount',
        'currency',
    ],
    optional_columns=[
        'line_id',
        'sku_id',
    ],
) }}
