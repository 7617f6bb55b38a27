with hours as (

    select * from {{ ref('line_stop_hours') }}

),

releases as (

    select * from {{ ref('line_stop_release_effects') }}

),

hours_with_change as (

    select
        *,
        lag(is_alarm) over (partition by line_id order by hour_number) as was_alarm
    from hours

),

events as (

    select
        line_id,
        evaluated_at as happened_at,
        'alarm' as event,
        cast(null as {{ dbt.type_timestamp() }}) as released_at
    from hours_with_change
    where is_alarm and not coalesce(was_alarm, false)
    union all
    select
        line_id,
        effective_at as happened_at,
        'release' as event,
        min(released_at) as released_at
    from releases
    where effective_at is not null
    group by line_id, effective_at

),

events_in_order as (

    select
        *,
        lag(event) over (partition by line_id order by happened_at, event) as previous_event
    from events

),

-- Only what changes the state counts: an alarm on a running line, a release of a stopped one. So they alternate.
changes as (

    select *
    from events_in_order
    where event <> coalesce(previous_event, 'release')

),

changes_in_order as (

    select
        *,
        lead(happened_at) over (partition by line_id order by happened_at) as ended_at,
        lead(released_at) over (partition by line_id order by happened_at) as ending_released_at
    from changes

),

stops as (

    select
        line_id,
        happened_at as paused_at,
        ended_at,
        ending_released_at
    from changes_in_order
    where event = 'alarm'

),

-- A stop is the one that follows a certain release of its line. That holds when late data move its beginning, so the
-- order to pause keeps its key; between two stops there is always a release.
stops_with_releases as (

    select
        stops.line_id,
        stops.paused_at,
        min(stops.ended_at) as ended_at,
        min(stops.ending_released_at) as ending_released_at,
        max(case when releases.released_at < stops.paused_at then releases.released_at end) as follows_release_at,
        min(case
            when
                releases.is_held
                and releases.released_at >= stops.paused_at
                and (stops.ended_at is null or releases.released_at < stops.ended_at)
                then releases.released_at
        end) as held_released_at
    from stops
    left join releases
        on stops.line_id = releases.line_id
    group by stops.line_id, stops.paused_at

)

select
    md5(concat(
        line_id, '|', coalesce(cast(follows_release_at as {{ dbt.type_string() }}), 'first')
    )) as stop_id,
    line_id,
    paused_at,
    follows_release_at,
    held_released_at,
    ended_at,
    ending_released_at
from stops_with_releases
