{#- Every call that was made was paid for, failed ones too. -#}
with inspections as (

    select * from {{ ref('inspections') }}

),

dispositions as (

    select * from {{ ref('dispositions') }}

),

line_cost_rates as (

    select * from {{ ref('line_cost_rates') }}

),

ai_calls as (
    {% for step in ['classify', 'extract', 'diagnose'] %}
    select
        inspection_id,
        called_at,
        cost,
        currency
    from {{ ref('ai_' ~ step ~ '_calls') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

inspection_minutes as (

    select
        inspections.local_day,
        inspections.line_id,
        inspections.sku_id,
        case inspections.inspection_source
            when 'manual' then line_cost_rates.inspection_minutes_manual
            when 'aoi' then line_cost_rates.inspection_minutes_aoi
        end * line_cost_rates.labour_per_minute as amount
    from inspections
    left join line_cost_rates
        on inspections.line_id = line_cost_rates.line_id

),

inspection_costs as (

    select
        'inspection' as cost_item,
        local_day as cost_day,
        line_id,
        sku_id,
        count(*) as events,
        count(*) - count(amount) as unpriced_events,
        sum(amount) as amount,
        {{ sql_text(var('plant_currency')) }} as currency
    from inspection_minutes
    group by
        local_day,
        line_id,
        sku_id

),

audit_prices as (

    select
        line_id,
        audit_minutes * labour_per_minute as price
    from line_cost_rates

),

audit_costs as (

    select
        'audit' as cost_item,
        dispositions.local_day as cost_day,
        dispositions.line_id,
        dispositions.sku_id,
        sum(dispositions.audits) as events,
        sum(case when audit_prices.price is null then dispositions.audits else 0 end) as unpriced_events,
        sum(dispositions.audits * audit_prices.price) as amount,
        {{ sql_text(var('plant_currency')) }} as currency
    from dispositions
    left join audit_prices
        on dispositions.line_id = audit_prices.line_id
    where dispositions.audits > 0
    group by
        dispositions.local_day,
        dispositions.line_id,
        dispositions.sku_id

),

-- The call belongs to the day of the part it was made for; a call whose inspection is gone, to the day it was made.
ai_costs as (

    select
        'AI inference' as cost_item,
        coalesce(inspections.local_day, {{ plant_day('ai_calls.called_at') }}) as cost_day,
        inspections.line_id,
        inspections.sku_id,
        count(*) as events,
        count(*) - count(ai_calls.cost) as unpriced_events,
        sum(ai_calls.cost) as amount,
        coalesce(ai_calls.currency, {{ sql_text(var('plant_currency')) }}) as currency
    from ai_calls
    left join inspections
        on ai_calls.inspection_id = inspections.inspection_id
    group by
        coalesce(inspections.local_day, {{ plant_day('ai_calls.called_at') }}),
        inspections.line_id,
        inspections.sku_id,
        coalesce(ai_calls.currency, {{ sql_text(var('plant_currency')) }})

),

all_costs as (

    select * from inspection_costs
    union all
    select * from audit_costs
    union all
    select * from ai_costs

)

select
    cost_item,
    cost_day,
    line_id,
    sku_id,
    cast(events as {{ dbt.type_bigint() }}) as events,
    cast(unpriced_events as {{ dbt.type_bigint() }}) as unpriced_events,
    cast(amount as {{ type_double() }}) as amount,
    currency
from all_costs
