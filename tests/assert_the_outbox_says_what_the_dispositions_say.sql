-- The newest version of each action is open exactly where an action is wanted (those too old to be sent aside): no ticket
-- without a verdict, no verdict without a ticket, never two for one subject and kind.
with wanted as (

    select action_key
    from {{ ref('wanted_mes_actions') }}
    where subject_day >= cast({{ sql_text(var('mes_actions_from')) }} as date)

),

newest as (

    select
        action_key,
        operation,
        subject_day,
        is_subject_missing
    from {{ ref('mes_actions') }}
    where is_newest_version

)

select
    coalesce(wanted.action_key, newest.action_key) as action_key,
    newest.operation,
    wanted.action_key is not null as is_wanted
from wanted
full outer join newest
    on wanted.action_key = newest.action_key
where
    (wanted.action_key is not null and coalesce(newest.operation, 'none') not in ('create', 'amend'))
    or (
        wanted.action_key is null
        and newest.operation in ('create', 'amend')
        and not newest.is_subject_missing
        and newest.subject_day >= cast({{ sql_text(var('mes_actions_from')) }} as date)
    )
