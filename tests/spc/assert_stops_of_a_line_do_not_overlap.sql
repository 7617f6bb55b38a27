-- A line that is stopped cannot be stopped again before a release has taken effect.
with stops as (

    select * from {{ ref('line_stops') }}

),

stops_in_order as (

    select
        *,
        lead(paused_at) over (partition by line_id order by paused_at) as next_paused_at
    from stops

)

select
    stop_id,
    paused_at,
    ended_at,
    next_paused_at
from stops_in_order
where
    ended_at <= paused_at
    or (next_paused_at is not null and (ended_at is null or ended_at > next_paused_at))
