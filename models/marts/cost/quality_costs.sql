{{ config(contract=public_contract()) }}

with failure_costs as (

    select * from {{ ref('failure_costs') }}

),

appraisal_costs as (

    select * from {{ ref('appraisal_costs') }}

),

cost_entries as (

    select * from {{ ref('ods_quality_cost_entries') }}

),

cost_items as (

    select * from {{ ref('quality_cost_items') }}

),

all_costs as (

    select
        'internal_failure' as cost_category,
        cost_item,
        'derived' as cost_origin,
        cost_day,
        line_id,
        sku_id,
        cast(1 as {{ dbt.type_bigint() }}) as events,
        cast(case when amount is null then 1 else 0 end as {{ dbt.type_bigint() }}) as unpriced_events,
        amount,
        currency
    from failure_costs
    union all
    select
        'appraisal' as cost_category,
        cost_item,
        'derived' as cost_origin,
        cost_day,
        line_id,
        sku_id,
        events,
        unpriced_events,
        amount,
        currency
    from appraisal_costs
    union all
    select
        cost_category,
        cost_item,
        'booked' as cost_origin,
        booked_on as cost_day,
        line_id,
        sku_id,
        cast(1 as {{ dbt.type_bigint() }}) as events,
        cast(0 as {{ dbt.type_bigint() }}) as unpriced_events,
        amount,
        currency
    from cost_entries

),

{{ convert_currency('all_costs', 'cost_day') }},

monthly as (

    select
        {{ month_of('cost_day') }} as cost_month,
        line_id,
        sku_id,
        cost_category,
        cost_item,
        cost_origin,
        original_currency,
        currency,
        sum(events) as events,
        sum(unpriced_events) as unpriced_events,
        sum(original_amount) as original_amount,
        sum(amount) as amount
    from converted
    group by
        {{ month_of('cost_day') }},
        line_id,
        sku_id,
        cost_category,
        cost_item,
        cost_origin,
        original_currency,
        currency

),

derived_items as (

    select distinct
        cost_category,
        cost_item,
        counted_origin
    from cost_items

),

-- What is booked under another name may be the same money as what is derived here.
meanings as (

    select
        monthly.*,
        coalesce(booked_meaning.cost_item, derived_meaning.cost_item) as derived_item,
        coalesce(booked_meaning.counted_origin, derived_meaning.counted_origin) as preferred_origin
    from monthly
    left join cost_items as booked_meaning
        on
            monthly.cost_origin = 'booked'
            and monthly.cost_category = booked_meaning.cost_category
            and lower(monthly.cost_item) = lower(booked_meaning.booked_item)
    left join derived_items as derived_meaning
        on
            monthly.cost_origin = 'derived'
            and monthly.cost_category = derived_meaning.cost_category
            and monthly.cost_item = derived_meaning.cost_item

),

origins_present as (

    select distinct
        cost_month,
        cost_category,
        derived_item,
        cost_origin,
        line_id
    from meanings
    where
        derived_item is not null
        and amount is not null

),

-- The other origin has the same money: same month and meaning, on the same line or on no line in particular.
counterparts as (

    select distinct
        meanings.cost_month,
        meanings.cost_category,
        meanings.derived_item,
        meanings.cost_origin,
        meanings.line_id
    from origins_present as meanings
    inner join origins_present as others
        on
            meanings.cost_month = others.cost_month
            and meanings.cost_category = others.cost_category
            and meanings.derived_item = others.derived_item
            and meanings.cost_origin <> others.cost_origin
            and (meanings.line_id = others.line_id or meanings.line_id is null or others.line_id is null)

)

select
    meanings.cost_month,
    meanings.line_id,
    meanings.sku_id,
    meanings.cost_category,
    meanings.cost_item,
    meanings.cost_origin,
    meanings.original_currency,
    meanings.currency,
    cast(meanings.events as {{ dbt.type_bigint() }}) as events,
    cast(meanings.unpriced_events as {{ dbt.type_bigint() }}) as unpriced_events,
    meanings.original_amount,
    meanings.amount,
    counterparts.cost_origin is null or meanings.cost_origin = meanings.preferred_origin as is_counted
from meanings
left join counterparts
    on
        meanings.cost_month = counterparts.cost_month
        and meanings.cost_category = counterparts.cost_category
        and meanings.derived_item = counterparts.derived_item
        and meanings.cost_origin = counterparts.cost_origin
        and (meanings.line_id = counterparts.line_id or (meanings.line_id is null and counterparts.line_id is null))
