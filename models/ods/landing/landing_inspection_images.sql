{{ landing_rows(
    'inspection_images',
    required_columns=[
        'image_path',
        'content_sha256',
        'quality_verdict',
        'uploaded_at',
    ],
    optional_columns=[
        'size_bytes',
        'width_px',
        'height_px',
        'sharpness',
        'mean_luminance',
        'clipped_fraction',
        'quality_reasons',
    ],
) }}
