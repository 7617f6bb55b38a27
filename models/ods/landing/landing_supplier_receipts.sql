{{ landing_rows(
    'supplier_receipts',
    required_columns=[
        'receipt_id',
        'supplier_id',
        'supplier_lot_id',
        'sku_id',
        'received_at',
        'quantity_received',
    ],
    optional_columns=[
        'quantity_rejected',
        'promised_at',
    ],
) }}
