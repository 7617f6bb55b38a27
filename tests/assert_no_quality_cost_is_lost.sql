-- Every booked entry and every derived event is in quality_costs, per original currency, to the cent.
with expected as (

    select
        currency,
        count(*) as events,
        sum(amount) as amount
    from {{ ref('ods_quality_cost_entries') }}
    group by currency

),

found as (

    select
        original_currency as currency,
        sum(events) as events,
        sum(original_amount) as amount
    from {{ ref('quality_costs') }}
    where cost_origin = 'booked'
    group by original_currency

)

select
    coalesce(expected.currency, found.currency) as currency,
    expected.events as expected_events,
    found.events as found_events,
    expected.amount as expected_amount,
    found.amount as found_amount
from expected
full outer join found
    on expected.currency = found.currency
where
    expected.events is null
    or found.events is null
    or expected.events <> found.events
    or abs(expected.amount - found.amount) >= 0.005
