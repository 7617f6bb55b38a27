{{ landing_rows(
    'suppliers',
    required_columns=[
        'supplier_id',
    ],
    optional_columns=[
        'supplier_name',
    ],
    is_optional_table=false,
) }}
