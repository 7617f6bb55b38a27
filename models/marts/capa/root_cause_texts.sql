with defects as (

    select *
    from {{ ref('coded_root_causes') }}
    where root_cause_text is not null

),

wordings as (

    select
        text_group,
        root_cause_text,
        root_cause_code,
        count(*) as defects,
        min(local_day) as first_day,
        max(local_day) as last_day
    from defects
    group by
        text_group,
        root_cause_text,
        root_cause_code

),

wordings_ranked as (

    select
        *,
        row_number() over (
            partition by text_group, root_cause_code
            order by defects desc, root_cause_text asc
        ) as wording_number
    from wordings

)

select
    text_group,
    root_cause_code,
    max(case when wording_number = 1 then root_cause_text end) as usual_wording,
    count(*) as wordings,
    cast(sum(defects) as {{ dbt.type_bigint() }}) as defects,
    min(first_day) as first_day,
    max(last_day) as last_day
from wordings_ranked
group by
    text_group,
    root_cause_code
