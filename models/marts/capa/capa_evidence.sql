{{ config(contract=public_contract()) }}

with problems as (

    select * from {{ ref('capa_problems') }}

),

cases as (

    select * from {{ ref('capa_cases') }}

),

recurrences as (

    select * from {{ ref('capa_recurrences') }}

)

select
    cases.case_id,
    problems.inspection_id,
    problems.inspect_time,
    problems.local_day,
    recurrences.inspection_id is not null as completes_recurrence,
    case
        when cases.last_done_on is null then null
        when problems.local_day < cases.last_done_on then 'before the step'
        when problems.local_day < cases.check_due_on then 'during the check'
        else 'after the check'
    end as position_to_step
from cases
inner join problems
    on
        cases.case_id = problems.case_id
        and cases.first_defect_day <= problems.local_day
left join recurrences
    on
        problems.case_id = recurrences.case_id
        and problems.inspection_id = recurrences.inspection_id
