{{ landing_rows(
    'lines',
    required_columns=[
        'line_id',
    ],
    optional_columns=[
        'line_name',
    ],
    is_optional_table=false,
) }}
