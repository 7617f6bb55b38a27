with landed as (

    select * from {{ ref('landing_ai_recorded_answers') }}

),

label_spellings as (

    select * from {{ ref('ods_label_spellings') }}

),

typed as (

    select
        {{ joined_key(['landed.step', 'landed.inspection_id', 'landed.model']) }} as row_key,
        {{ row_as_json('landed', [
            'step',
            'inspection_id',
            'model',
            'raw_response',
            'prompt_version',
            'content_sha256',
            'error',
        ]) }} as raw_row,
        landed.landing_file,
        step_spelling.label as step,
        {{ null_if_blank('landed.inspection_id') }} as inspection_id,
        {{ null_if_blank('landed.model') }} as model,
        coalesce(landed.raw_response, '') as raw_response,
        {{ null_if_blank('landed.prompt_version') }} as prompt_version,
        {{ null_if_blank('landed.content_sha256') }} as content_sha256,
        {{ null_if_blank('landed.error') }} as error
    from landed
    left join label_spellings as step_spelling
        on
            step_spelling.label_set = 'inference_step'
            and step_spelling.spelling = {{ normalised_label('landed.step') }}

),

judged as (

    select
        *,
        case
            when inspection_id is null or model is null then 'no key'
            when step is null then 'unknown step'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['step', 'inspection_id', 'model', 'prompt_version', 'content_sha256']) }}

select * from settled
