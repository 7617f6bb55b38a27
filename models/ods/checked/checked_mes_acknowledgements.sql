with landed as (

    select * from {{ ref('landing_mes_acknowledgements') }}

),

label_spellings as (

    select * from {{ ref('ods_label_spellings') }}

),

typed as (

    select
        {{ joined_key(['landed.action_key', 'landed.version', 'landed.acknowledged_at']) }} as row_key,
        {{ row_as_json('landed', [
            'action_key',
            'acknowledged_at',
            'status',
            'version',
            'mes_reference',
            'message',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.action_key') }} as action_key,
        {{ to_timestamp_utc('landed.acknowledged_at') }} as acknowledged_at,
        status_spelling.label as status,
        {{ to_bigint('landed.version') }} as version,
        {{ null_if_blank('landed.mes_reference') }} as mes_reference,
        landed.message
    from landed
    left join label_spellings as status_spelling
        on
            status_spelling.label_set = 'acknowledgement_status'
            and status_spelling.spelling = {{ normalised_label('landed.status') }}

),

judged as (

    select
        *,
        case
            when action_key is null then 'no key'
            when acknowledged_at is null then 'no valid time'
            when status is null and {{ landed_blank('status') }} then 'required column empty'
            when status is null then 'unknown status'
            when version is null and not {{ landed_blank('version') }} then 'value is not a number'
            when {{ is_in_future('acknowledged_at') }} then 'time in the future'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['action_key', 'version', 'acknowledged_at']) }}

select * from settled
