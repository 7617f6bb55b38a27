{{ landing_rows(
    'attribute_samples',
    required_columns=[
        'sampled_at',
        'stream',
        'sample_size',
    ],
    optional_columns=[
        'defectives',
        'defects',
        'sample_id',
    ],
) }}
