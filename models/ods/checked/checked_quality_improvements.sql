with landed as (

    select * from {{ ref('landing_quality_improvements') }}

),

typed as (

    select
        {{ null_if_blank('landed.improvement_id') }} as row_key,
        {{ row_as_json('landed', [
            'improvement_id',
            'line_id',
            'started_on',
            'description',
            'investment',
            'currency',
        ]) }} as raw_row,
        landed.landing_file,
        {{ null_if_blank('landed.improvement_id') }} as improvement_id,
        {{ null_if_blank('landed.line_id') }} as line_id,
        {{ to_date('landed.started_on') }} as started_on,
        landed.description,
        {{ to_double('landed.investment') }} as investment,
        upper({{ null_if_blank('landed.currency') }}) as currency
    from landed

),

judged as (

    select
        *,
        case
            when improvement_id is null then 'no key'
            when started_on is null then 'no valid time'
            when line_id is null then 'required column empty'
            when investment is null and not {{ landed_blank('investment') }} then 'value is not a number'
            when investment < 0 then 'negative quantity'
            when investment is not null and currency is null then 'required column empty'
        end as quarantine_reason
    from typed

),

{{ settle_rows('judged', key=['improvement_id']) }}

select * from settled
