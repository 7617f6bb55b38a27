{{ landing_rows(
    'net_sales',
    required_columns=[
        'sales_month',
        'sku_id',
        'amount',
        'currency',
    ],
) }}
