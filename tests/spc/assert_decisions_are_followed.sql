{{ config(severity='warn') }}

-- What a person decided about a stream and nothing follows: a typing error, or a stream that has yet to deliver. A
-- warning, because streams are data and come later; chart names that are wrong stop the build at the seed.
select
    chart_id,
    stream,
    entry,
    phase,
    starts_at,
    problem
from {{ ref('spc_unused_decisions') }}
