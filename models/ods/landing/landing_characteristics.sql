{{ landing_rows(
    'characteristics',
    required_columns=[
        'sku_id',
        'characteristic',
        'unit',
    ],
    optional_columns=[
        'lower_spec',
        'target',
        'upper_spec',
    ],
    is_optional_table=false,
) }}
