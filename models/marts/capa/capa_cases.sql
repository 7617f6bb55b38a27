{{ config(contract=public_contract()) }}

with cases_with_steps as (

    select * from {{ ref('capa_case_steps') }}

),

problems as (

    select * from {{ ref('capa_problems') }}

),

recurrences as (

    select * from {{ ref('capa_recurrences') }}

),

inspections as (

    select * from {{ ref('inspections') }}

),

root_causes as (

    select * from {{ ref('root_causes') }}

),

judged_around_step as (

    select
        cases_with_steps.case_id,
        sum(case when inspections.local_day < cases_with_steps.last_done_on then 1 else 0 end) as judged_before,
        sum(case when inspections.local_day >= cases_with_steps.last_done_on then 1 else 0 end) as judged_after
    from cases_with_steps
    inner join inspections
        on
            cases_with_steps.line_id = inspections.line_id
            and inspections.is_judged
            and cases_with_steps.check_due_on > inspections.local_day
            and {{ days_between('inspections.local_day', 'cases_with_steps.last_done_on') }}
            <= cases_with_steps.effectiveness_days
    group by cases_with_steps.case_id

),

defects_around_step as (

    select
        cases_with_steps.case_id,
        sum(case when problems.local_day < cases_with_steps.last_done_on then 1 else 0 end) as defects_before,
        sum(case when problems.local_day >= cases_with_steps.last_done_on then 1 else 0 end) as defects_after
    from cases_with_steps
    inner join problems
        on
            cases_with_steps.case_id = problems.case_id
            and cases_with_steps.check_due_on > problems.local_day
            and {{ days_between('problems.local_day', 'cases_with_steps.last_done_on') }}
            <= cases_with_steps.effectiveness_days
    group by cases_with_steps.case_id

),

-- Recurrence after the check: every defect of the window lies on or behind the day the check ended.
recurrences_after_check as (

    select
        cases_with_steps.case_id,
        min(recurrences.recurrence_day) as reopened_on
    from cases_with_steps
    inner join recurrences
        on
            cases_with_steps.case_id = recurrences.case_id
            and cases_with_steps.check_due_on <= recurrences.window_first_day
    group by cases_with_steps.case_id

),

checked as (

    select
        cases_with_steps.*,
        judged_around_step.judged_before,
        judged_around_step.judged_after,
        case when judged_around_step.case_id is not null then coalesce(defects_around_step.defects_before, 0) end
            as defects_before,
        case when judged_around_step.case_id is not null then coalesce(defects_around_step.defects_after, 0) end
            as defects_after,
        recurrences_after_check.reopened_on
    from cases_with_steps
    left join judged_around_step
        on cases_with_steps.case_id = judged_around_step.case_id
    left join defects_around_step
        on cases_with_steps.case_id = defects_around_step.case_id
    left join recurrences_after_check
        on cases_with_steps.case_id = recurrences_after_check.case_id

),

compared as (

    select
        *,
        {{ ratio('defects_before', 'judged_before') }} as rate_before,
        {{ ratio('defects_after', 'judged_after') }} as rate_after,
        {{ newcombe_low('defects_after', 'judged_after', 'defects_before', 'judged_before') }} as rate_change_low,
        {{ newcombe_high('defects_after', 'judged_after', 'defects_before', 'judged_before') }} as rate_change_high
    from checked

),

-- Effective only where the whole interval of the change lies below zero, with enough parts judged on either side.
verified as (

    select
        *,
        case
            when last_done_on is null then 'no step done'
            when last_day < {{ days_later('check_due_on', -1) }} then 'waiting for data'
            when
                coalesce(judged_before, 0) < effectiveness_min_judged
                or coalesce(judged_after, 0) < effectiveness_min_judged
                then 'too few judged'
            when rate_change_high < 0 then 'effective'
            else 'not effective'
        end as effectiveness
    from compared

)

select
    verified.case_id,
    verified.line_id,
    verified.problem,
    root_causes.six_m,
    root_causes.cause,
    case
        when
            verified.effectiveness = 'effective' and verified.open_steps = 0 and verified.reopened_on is null
            then 'closed'
        when verified.effectiveness = 'effective' and verified.reopened_on is not null then 'reopened'
        when verified.open_steps > 0 then 'in progress'
        when verified.last_done_on is not null and verified.effectiveness = 'waiting for data' then 'in verification'
        when verified.last_done_on is not null then 'not effective'
        else 'open'
    end as state,
    verified.first_defect_day,
    verified.opened_on,
    verified.last_recurrence_on,
    verified.defects,
    verified.last_defect_day,
    verified.steps,
    cast(verified.open_steps as {{ dbt.type_bigint() }}) as open_steps,
    verified.owner,
    verified.step_description,
    verified.due_on,
    coalesce(verified.open_steps > 0 and verified.due_on < verified.last_day, false) as is_overdue,
    verified.last_done_on,
    verified.check_due_on,
    verified.effectiveness,
    cast(verified.judged_before as {{ dbt.type_bigint() }}) as judged_before,
    cast(verified.defects_before as {{ dbt.type_bigint() }}) as defects_before,
    verified.rate_before,
    cast(verified.judged_after as {{ dbt.type_bigint() }}) as judged_after,
    cast(verified.defects_after as {{ dbt.type_bigint() }}) as defects_after,
    verified.rate_after,
    verified.rate_change_low,
    verified.rate_change_high,
    case
        when verified.effectiveness = 'effective' and verified.open_steps = 0 and verified.reopened_on is null
            then verified.check_due_on
    end as closed_on,
    case when verified.effectiveness = 'effective' then verified.reopened_on end as reopened_on
from verified
left join root_causes
    on verified.problem = root_causes.root_cause_code
