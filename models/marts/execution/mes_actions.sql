{{ config(contract=public_contract()) }}

with outbox as (

    select * from {{ ref('mes_action_log') }}

),

acknowledgements as (

    select * from {{ ref('ods_mes_acknowledgements') }}

),

dispositions as (

    select * from {{ ref('dispositions') }}

),

outbox_numbered as (

    select
        *,
        max(version) over (partition by action_key) as newest_version
    from outbox

),

-- An answer that names no version is about the first one: that is what an MES without versions knows.
answers_placed as (

    select
        action_key,
        coalesce(version, 1) as version,
        acknowledged_at,
        status,
        mes_reference,
        message
    from acknowledgements

),

-- `sent` only says that the action was handed over: a real answer counts before it, whenever it came.
answers_ranked as (

    select
        *,
        row_number() over (
            partition by action_key, version
            order by
                case when status = 'sent' then 1 else 0 end,
                acknowledged_at desc,
                status desc,
                mes_reference desc
        ) as answer_number,
        count(*) over (partition by action_key, version) as answers
    from answers_placed

),

latest_answers as (

    select *
    from answers_ranked
    where answer_number = 1

),

answered as (

    select
        outbox_numbered.*,
        latest_answers.status,
        latest_answers.acknowledged_at,
        latest_answers.mes_reference,
        latest_answers.message,
        coalesce(latest_answers.answers, 0) as answers
    from outbox_numbered
    left join latest_answers
        on
            outbox_numbered.action_key = latest_answers.action_key
            and outbox_numbered.version = latest_answers.version

),

-- The newest accepted reversal of a key takes back everything before it.
accepted_reversals as (

    select
        action_key,
        max(version) as reversal_version
    from answered
    where
        operation = 'reverse'
        and status = 'accepted'
    group by action_key

)

select
    answered.action_key,
    answered.version,
    answered.operation,
    answered.kind,
    answered.subject_id,
    answered.line_id,
    answered.subject_day,
    case
        when answered.version < accepted_reversals.reversal_version then 'reversed'
        else coalesce(answered.status, 'pending')
    end as state,
    answered.version = answered.newest_version as is_newest_version,
    answered.kind not in ({{ sql_text_list(line_action_kinds()) }}) and dispositions.inspection_id is null
        as is_subject_missing,
    answered.payload,
    answered.payload_md5,
    answered.run_id,
    answered.emitted_at,
    answered.acknowledged_at,
    answered.mes_reference,
    answered.message,
    answered.answers
from answered
left join accepted_reversals
    on answered.action_key = accepted_reversals.action_key
left join dispositions
    on answered.subject_id = dispositions.inspection_id
