with defects as (

    select * from {{ ref('coded_root_causes') }}

),

root_causes as (

    select * from {{ ref('root_causes') }}

)

-- A problem is a cause on a line; where no cause is known, what it looks like.
select
    defects.inspection_id,
    defects.inspect_time,
    defects.local_day,
    defects.line_id,
    case
        when root_causes.six_m in ('Unclassified', 'Measurement') then defects.category
        else defects.root_cause_code
    end as problem,
    concat(
        'capa-',
        {{ dbt.hash("concat(defects.line_id, '|', case when root_causes.six_m in ('Unclassified', 'Measurement') "
            ~ "then defects.category else defects.root_cause_code end)") }}
    ) as case_id
from defects
inner join root_causes
    on defects.root_cause_code = root_causes.root_cause_code
