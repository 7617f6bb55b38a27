{{
    config(
        materialized='ai_ledger',
        full_refresh=false,
        meta={'ai_step': 'diagnose'},
    )
}}

{{ ai_wanted_keys('diagnose', ref('ai_diagnose_requests')) }}
