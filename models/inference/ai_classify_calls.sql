{{
    config(
        materialized='ai_ledger',
        full_refresh=false,
        meta={'ai_step': 'classify'},
    )
}}

{{ ai_wanted_keys('classify', ref('ai_image_requests')) }}
