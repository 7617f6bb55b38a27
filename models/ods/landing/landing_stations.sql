{{ landing_rows(
    'stations',
    required_columns=[
        'station_id',
        'line_id',
        'station_type',
    ],
    is_optional_table=false,
) }}
