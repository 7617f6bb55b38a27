{{
    config(
        materialized='ai_ledger',
        full_refresh=false,
        meta={'ai_step': 'extract'},
    )
}}

-- One ledger at a time, so that the budget of a run is counted over all steps.
-- depends_on: {{ ref('ai_classify_calls') }}
{{ ai_wanted_keys('extract', ref('ai_image_requests')) }}
