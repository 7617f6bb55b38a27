{{ config(contract=public_contract()) }}

{%- set dimensions = {
    'plant': "'all'",
    'line': 'line_id',
    'station': 'station_id',
    'sku': 'sku_id',
    'supplier': 'supplier_id',
} -%}
with defects as (

    select * from {{ ref('coded_root_causes') }}

),

failure_costs as (

    select * from {{ ref('failure_costs') }}

),

costs_per_inspection as (

    select
        inspection_id,
        sum(amount) as amount
    from failure_costs
    where inspection_id is not null
    group by inspection_id

),

defects_by_member as (
    {% for dimension, member in dimensions.items() %}
    select
        {{ sql_text(dimension) }} as dimension,
        {{ member }} as member,
        {{ month_of('defects.local_day') }} as defect_month,
        defects.root_cause_code,
        defects.six_m,
        defects.cause,
        defects.text_group,
        costs_per_inspection.amount
    from defects
    left join costs_per_inspection
        on defects.inspection_id = costs_per_inspection.inspection_id
    where {{ 'true' if dimension == 'plant' else member ~ ' is not null' }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

counted as (

    select
        dimension,
        member,
        defect_month,
        root_cause_code,
        six_m,
        cause,
        count(*) as defects,
        count(distinct text_group) as text_groups,
        sum(amount) as failure_cost
    from defects_by_member
    group by
        dimension,
        member,
        defect_month,
        root_cause_code,
        six_m,
        cause

),

accumulated as (

    select
        *,
        row_number() over (
            partition by dimension, member, defect_month
            order by defects desc, root_cause_code asc
        ) as cause_rank,
        sum(defects) over (
            partition by dimension, member, defect_month
            order by defects desc, root_cause_code asc
            rows between unbounded preceding and current row
        ) as cumulative_defects,
        sum(defects) over (partition by dimension, member, defect_month) as all_defects,
        sum(failure_cost) over (partition by dimension, member, defect_month) as all_failure_cost
    from counted

)

select
    dimension,
    member,
    defect_month,
    cause_rank,
    root_cause_code,
    six_m,
    cause,
    defects,
    cast(all_defects as {{ dbt.type_bigint() }}) as all_defects,
    {{ ratio('defects', 'all_defects') }} as share,
    {{ ratio('cumulative_defects', 'all_defects') }} as cumulative_share,
    text_groups,
    failure_cost,
    {{ ratio('failure_cost', 'all_failure_cost') }} as share_of_failure_cost,
    {{ sql_text(var('plant_currency')) }} as currency
from accumulated
