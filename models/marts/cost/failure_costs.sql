with dispositions as (

    select * from {{ ref('dispositions') }}

),

scrap_write_offs as (

    select * from {{ ref('scrap_write_offs') }}

),

rework_tickets as (

    select * from {{ ref('rework_tickets') }}

),

line_stop_signals as (

    select * from {{ ref('line_stop_signals') }}

),

line_cost_rates as (

    select * from {{ ref('line_cost_rates') }}

),

scrap_costs as (

    select
        'scrap' as cost_item,
        inspection_id as subject_id,
        inspection_id,
        local_day as cost_day,
        line_id,
        sku_id,
        supplier_id,
        cast(1 as {{ type_double() }}) as quantity,
        'parts' as unit,
        write_off as amount
    from scrap_write_offs

),

rework_costs as (

    select
        'rework' as cost_item,
        inspection_id as subject_id,
        inspection_id,
        local_day as cost_day,
        line_id,
        sku_id,
        supplier_id,
        cast(1 as {{ type_double() }}) as quantity,
        'parts' as unit,
        rework_cost as amount
    from rework_tickets

),

reinspection_costs as (

    select
        're-inspection' as cost_item,
        dispositions.inspection_id as subject_id,
        dispositions.inspection_id,
        dispositions.local_day as cost_day,
        dispositions.line_id,
        dispositions.sku_id,
        dispositions.supplier_id,
        cast(dispositions.reinspections as {{ type_double() }}) as quantity,
        'looks' as unit,
        dispositions.reinspections * line_cost_rates.reinspection_minutes * line_cost_rates.labour_per_minute as amount
    from dispositions
    left join line_cost_rates
        on dispositions.line_id = line_cost_rates.line_id
    where dispositions.reinspections > 0

),

-- A stop ends with the first release of the same stop. One that is still open has no length yet, and no price.
stops as (

    select
        line_id,
        stop_id,
        min(case when state = 'PAUSE_LINE' then state_since end) as stopped_at,
        min(case when state = 'RELEASED' then state_since end) as released_at
    from line_stop_signals
    where stop_id is not null
    group by
        line_id,
        stop_id

),

stop_minutes as (

    select
        *,
        cast({{ dbt.datediff('stopped_at', 'released_at', 'second') }} as {{ type_double() }}) / 60 as minutes_stopped  -- noqa: LT05
    from stops
    where stopped_at is not null

),

downtime_costs as (

    select
        'downtime' as cost_item,
        stop_minutes.stop_id as subject_id,
        cast(null as {{ dbt.type_string() }}) as inspection_id,
        {{ plant_day('stop_minutes.stopped_at') }} as cost_day,
        stop_minutes.line_id,
        cast(null as {{ dbt.type_string() }}) as sku_id,
        cast(null as {{ dbt.type_string() }}) as supplier_id,
        cast(stop_minutes.minutes_stopped as {{ type_double() }}) as quantity,
        'minutes' as unit,
        stop_minutes.minutes_stopped * line_cost_rates.downtime_per_minute as amount
    from stop_minutes
    left join line_cost_rates
        on stop_minutes.line_id = line_cost_rates.line_id

),

all_costs as (

    select * from scrap_costs
    union all
    select * from rework_costs
    union all
    select * from reinspection_costs
    union all
    select * from downtime_costs

)

select
    cost_item,
    subject_id,
    inspection_id,
    cost_day,
    line_id,
    sku_id,
    supplier_id,
    quantity,
    unit,
    cast(amount as {{ type_double() }}) as amount,
    {{ sql_text(var('plant_currency')) }} as currency
from all_costs
