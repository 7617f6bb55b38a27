{{ landing_rows(
    'skus',
    required_columns=[
        'sku_id',
        'sku_name',
        'unit_cost',
        'rework_cost',
    ],
    optional_columns=[
        'scrap_recovery',
    ],
    is_optional_table=false,
) }}
