with landed as (

    select * from {{ ref('landing_capa_actions') }}

),

typed as (

    select
        {{ null_if_blank('landed.action_id') }} as row_key,
        {{ row_as_json('landed', [
            'action_id',
            'case_id',
            'owner',
            'description',
            'recorded_on',
            'due_on',
            'done_on',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.action_id') }} as action_id,
        {{ null_if_blank('landed.case_id') }} as case_id,
        {{ null_if_blank('landed.owner') }} as owner,
        landed.description,
        {{ to_date('landed.recorded_on') }} as recorded_on,
        {{ to_date('landed.due_on') }} as due_on,
        {{ to_date('landed.done_on') }} as done_on
    from landed

),

judged as (

    select
        *,
        case
            when action_id is null then 'no key'
            when case_id is null or owner is null then 'required column empty'
            when due_on is null and not {{ landed_blank('due_on') }} then 'no valid time'
            when done_on is null and not {{ landed_blank('done_on') }} then 'no valid time'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['action_id'], latest_by='recorded_on') }}

select * from settled
