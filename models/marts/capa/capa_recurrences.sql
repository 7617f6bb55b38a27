with problems as (

    select * from {{ ref('capa_problems') }}

),

thresholds as (

    select
        cast(max(case when threshold = 'recurrence_defects' then value end) as {{ dbt.type_bigint() }})
            as recurrence_defects,
        cast(max(case when threshold = 'recurrence_days' then value end) as {{ dbt.type_bigint() }}) as recurrence_days
    from {{ ref('capa_thresholds') }}

),

defects_numbered as (

    select
        *,
        row_number() over (
            partition by case_id
            order by inspect_time, inspection_id
        ) as defect_number
    from problems

)

-- The defect that completes a window: it and the ones before it are the threshold's number within its days.
select
    completing.case_id,
    completing.line_id,
    completing.problem,
    completing.inspection_id,
    completing.local_day as recurrence_day,
    opening.local_day as window_first_day
from defects_numbered as completing
cross join thresholds
inner join defects_numbered as opening
    on
        completing.case_id = opening.case_id
        and completing.defect_number = opening.defect_number + thresholds.recurrence_defects - 1
where {{ days_between('opening.local_day', 'completing.local_day') }} < thresholds.recurrence_days  -- noqa: LT05
