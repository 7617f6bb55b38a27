{{ config(contract=public_contract()) }}

with escapes as (

    select * from {{ ref('supplier_escapes') }}

),

root_causes as (

    select * from {{ ref('root_causes') }}

),

-- One example that can be shown: the picture of the worst verdict, the earliest of them.
examples_ranked as (

    select
        *,
        row_number() over (
            partition by supplier_id, {{ month_of('local_day') }}, category, root_cause_code
            order by
                case severity when 'Critical' then 1 when 'Minor' then 2 else 3 end,
                inspection_id
        ) as example_number
    from escapes
    where
        is_defect
        and image_state = 'readable'

),

counted as (

    select
        supplier_id,
        {{ month_of('local_day') }} as report_month,
        category,
        root_cause_code,
        count(*) as defects,
        sum(case when is_escape then 1 else 0 end) as escapes,
        sum(case when is_escape and not is_confirmed then 1 else 0 end) as escapes_ai_only,
        count(distinct supplier_lot_id) as lots,
        sum(line_cost) as line_cost
    from escapes
    where is_defect
    group by
        supplier_id,
        {{ month_of('local_day') }},
        category,
        root_cause_code

),

ranked as (

    select
        *,
        row_number() over (
            partition by supplier_id, report_month
            order by defects desc, category, root_cause_code
        ) as defect_rank,
        sum(defects) over (
            partition by supplier_id, report_month
            order by defects desc, category, root_cause_code
            rows between unbounded preceding and current row
        ) as cumulative_defects,
        sum(defects) over (partition by supplier_id, report_month) as all_defects
    from counted

)

select
    ranked.supplier_id,
    ranked.report_month,
    ranked.defect_rank,
    ranked.category,
    ranked.root_cause_code,
    root_causes.cause,
    ranked.defects,
    cast(ranked.all_defects as {{ dbt.type_bigint() }}) as all_defects,
    {{ ratio('ranked.defects', 'ranked.all_defects') }} as share,
    {{ ratio('ranked.cumulative_defects', 'ranked.all_defects') }} as cumulative_share,
    cast(ranked.escapes as {{ dbt.type_bigint() }}) as escapes,
    cast(ranked.escapes_ai_only as {{ dbt.type_bigint() }}) as escapes_ai_only,
    ranked.lots,
    ranked.line_cost,
    {{ sql_text(var('plant_currency')) }} as currency,
    examples_ranked.inspection_id as example_inspection_id,
    examples_ranked.image_path as example_image_path
from ranked
left join root_causes
    on ranked.root_cause_code = root_causes.root_cause_code
left join examples_ranked
    on
        ranked.supplier_id = examples_ranked.supplier_id
        and ranked.report_month = {{ month_of('examples_ranked.local_day') }}
        and ranked.category = examples_ranked.category
        and ranked.root_cause_code = examples_ranked.root_cause_code
        and examples_ranked.example_number = 1
