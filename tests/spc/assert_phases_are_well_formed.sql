-- A decision that contradicts itself or another one must not be followed silently; each row here is one to mend.
with decisions as (

    select
        *,
        lag(phase) over (partition by chart_id, stream, entry order by starts_at nulls first, phase) as previous_phase,
        count(*) over (partition by chart_id, stream, entry, starts_at) as entries_of_that_time
    from {{ ref('spc_phases') }}

),

problems as (

    select
        chart_id,
        stream,
        entry,
        phase,
        starts_at,
        case
            when entry = 'phase' and phase is null then 'a phase needs a number'
            when entry = 'phase' and entries_of_that_time > 1 then 'two phases begin at one time'
            when entry = 'phase' and phase <= previous_phase then 'phases are not numbered in the order of time'
            when entry = 'exclusion' and starts_at is null then 'an exclusion needs a time'
            when ends_at < starts_at then 'it ends before it begins'
            when baseline_ends_at < baseline_starts_at then 'the baseline ends before it begins'
            when baseline_points < 1 then 'baseline_points must be 1 or more, or blank'
            when sigma <= 0 then 'sigma must be above 0'
        end as problem
    from decisions

)

select
    chart_id,
    stream,
    entry,
    phase,
    starts_at,
    problem
from problems
where problem is not null
