with problems as (

    select * from {{ ref('capa_problems') }}

),

recurrences as (

    select * from {{ ref('capa_recurrences') }}

),

steps as (

    select * from {{ ref('ods_capa_actions') }}

),

inspections as (

    select * from {{ ref('inspections') }}

),

thresholds as (

    select
        cast(max(case when threshold = 'effectiveness_days' then value end) as {{ dbt.type_int() }})
            as effectiveness_days,
        max(case when threshold = 'effectiveness_min_judged' then value end) as effectiveness_min_judged
    from {{ ref('capa_thresholds') }}

),

-- Today is the last day the plant has delivered: a model has no clock.
known_until as (

    select max(local_day) as last_day
    from inspections

),

cases_opened as (

    select
        case_id,
        line_id,
        problem,
        min(window_first_day) as first_defect_day,
        min(recurrence_day) as opened_on,
        max(recurrence_day) as last_recurrence_on
    from recurrences
    group by
        case_id,
        line_id,
        problem

),

defects_counted as (

    select
        case_id,
        count(*) as defects,
        max(local_day) as last_defect_day
    from problems
    group by case_id

),

-- The step that comes next: the earliest one not done, else the last one done.
steps_ranked as (

    select
        *,
        row_number() over (
            partition by case_id
            order by
                case when done_on is null then 0 else 1 end,
                case when done_on is null then due_on end asc nulls last,
                done_on desc nulls last,
                action_id asc
        ) as step_number,
        count(*) over (partition by case_id) as steps,
        sum(case when done_on is null then 1 else 0 end) over (partition by case_id) as open_steps,
        max(done_on) over (partition by case_id) as last_done_on
    from steps

),

next_steps as (

    select *
    from steps_ranked
    where step_number = 1

)

select
    cases_opened.case_id,
    cases_opened.line_id,
    cases_opened.problem,
    cases_opened.first_defect_day,
    cases_opened.opened_on,
    cases_opened.last_recurrence_on,
    defects_counted.defects,
    defects_counted.last_defect_day,
    next_steps.owner,
    next_steps.description as step_description,
    next_steps.due_on,
    coalesce(next_steps.steps, 0) as steps,
    coalesce(next_steps.open_steps, 0) as open_steps,
    next_steps.last_done_on,
    known_until.last_day,
    thresholds.effectiveness_days,
    thresholds.effectiveness_min_judged,
    {{ days_later('next_steps.last_done_on', 'thresholds.effectiveness_days') }} as check_due_on
from cases_opened
cross join known_until
cross join thresholds
inner join defects_counted
    on cases_opened.case_id = defects_counted.case_id
left join next_steps
    on cases_opened.case_id = next_steps.case_id
