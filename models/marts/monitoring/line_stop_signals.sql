with hours as (

    select * from {{ ref('line_stop_hours') }}

),

releases as (

    select * from {{ ref('ods_line_stop_releases') }}

),

hours_with_change as (

    select
        *,
        lag(is_alarm) over (partition by line_id order by hour_number) as was_alarm
    from hours

),

alarm_starts as (

    select * from hours_with_change
    where is_alarm and not coalesce(was_alarm, false)

),

releases_and_last_hour as (

    select
        releases.line_id,
        releases.released_at,
        releases.released_by,
        releases.reason,
        max(hours.evaluated_at) as last_evaluated_at
    from releases
    left join hours
        on
            releases.line_id = hours.line_id
            and releases.released_at >= hours.evaluated_at
    group by releases.line_id, releases.released_at, releases.released_by, releases.reason

),

-- A release given while the alarm is on waits for the first calm hour.
release_effects as (

    select
        releases_and_last_hour.line_id,
        releases_and_last_hour.released_at,
        releases_and_last_hour.released_by,
        releases_and_last_hour.reason,
        coalesce(max(last_hours.is_alarm), false) as is_held,
        case
            when coalesce(max(last_hours.is_alarm), false) then min(calm_hours.evaluated_at)
            else releases_and_last_hour.released_at
        end as effective_at
    from releases_and_last_hour
    left join hours as last_hours
        on
            releases_and_last_hour.line_id = last_hours.line_id
            and releases_and_last_hour.last_evaluated_at = last_hours.evaluated_at
    left join hours as calm_hours
        on
            releases_and_last_hour.line_id = calm_hours.line_id
            and releases_and_last_hour.released_at < calm_hours.evaluated_at
            and not calm_hours.is_alarm
    group by
        releases_and_last_hour.line_id,
        releases_and_last_hour.released_at,
        releases_and_last_hour.released_by,
        releases_and_last_hour.reason

),

first_release_of_each_moment as (

    select
        *,
        row_number() over (partition by line_id, effective_at order by released_at, released_by) as release_number
    from release_effects
    where effective_at is not null

),

events as (

    select
        line_id,
        evaluated_at as happened_at,
        'alarm' as event,
        evaluated_at as alarm_at,
        cast(null as {{ dbt.type_timestamp() }}) as released_at
    from alarm_starts
    union all
    select
        line_id,
        effective_at as happened_at,
        'release' as event,
        cast(null as {{ dbt.type_timestamp() }}) as alarm_at,
        released_at
    from first_release_of_each_moment
    where release_number = 1

),

events_in_order as (

    select
        *,
        lag(event) over (partition by line_id order by happened_at, event) as previous_event
    from events

),

-- Only what changes the state counts: an alarm on a running line, a release of a stopped one.
pauses as (

    select
        line_id,
        happened_at as paused_at,
        lead(happened_at) over (partition by line_id order by happened_at) as next_paused_at,
        md5(concat(line_id, '|', cast(happened_at as {{ dbt.type_string() }}))) as stop_id
    from events_in_order
    where event = 'alarm' and coalesce(previous_event, 'release') = 'release'

),

ends as (

    select
        line_id,
        happened_at as ended_at,
        released_at
    from events_in_order
    where event = 'release' and previous_event = 'alarm'

),

stops as (

    select
        pauses.line_id,
        pauses.stop_id,
        pauses.paused_at,
        ends.ended_at,
        ends.released_at
    from pauses
    left join ends
        on
            pauses.line_id = ends.line_id
            and pauses.paused_at < ends.ended_at
            and (pauses.next_paused_at is null or pauses.next_paused_at > ends.ended_at)

),

held_releases as (

    select
        stops.stop_id,
        min(release_effects.released_at) as released_at
    from stops
    inner join release_effects
        on
            stops.line_id = release_effects.line_id
            and release_effects.is_held
            and stops.paused_at <= release_effects.released_at
            and (stops.ended_at is null or stops.ended_at > release_effects.released_at)
    group by stops.stop_id

),

states as (

    select
        line_id,
        'PAUSE_LINE' as state,
        1 as state_order,
        paused_at as state_since,
        stop_id,
        paused_at,
        cast(null as {{ dbt.type_timestamp() }}) as released_at
    from stops
    union all
    select
        stops.line_id,
        'HOLD' as state,
        2 as state_order,
        held_releases.released_at as state_since,
        stops.stop_id,
        stops.paused_at,
        held_releases.released_at
    from stops
    inner join held_releases
        on stops.stop_id = held_releases.stop_id
    union all
    select
        line_id,
        'RELEASED' as state,
        3 as state_order,
        ended_at as state_since,
        stop_id,
        paused_at,
        released_at
    from stops
    where ended_at is not null

),

states_in_order as (

    select
        *,
        row_number() over (partition by line_id order by paused_at desc, state_order desc) as newest_first
    from states

)

select
    states_in_order.line_id,
    states_in_order.state,
    states_in_order.state_since,
    states_in_order.stop_id,
    case states_in_order.state
        when 'PAUSE_LINE' then {{ line_stop_reason('alarm_hours') }}
        when 'HOLD' then 'released by a person, but the stop condition was met within the hold time or is met still'
        else coalesce(releases.reason, 'released by a person')
    end as reason,
    states_in_order.newest_first = 1 as is_current,
    states_in_order.paused_at,
    alarm_hours.trigger_kind,
    alarm_hours.window_hours,
    alarm_hours.evidence_from,
    alarm_hours.inspections,
    alarm_hours.critical_defects,
    alarm_hours.critical_rate,
    alarm_hours.critical_rate_lower_bound,
    alarm_hours.stop_rate,
    alarm_hours.agreement,
    alarm_hours.is_ai_counted,
    states_in_order.released_at,
    releases.released_by
from states_in_order
inner join alarm_starts as alarm_hours
    on
        states_in_order.line_id = alarm_hours.line_id
        and states_in_order.paused_at = alarm_hours.evaluated_at
left join releases
    on
        states_in_order.line_id = releases.line_id
        and states_in_order.released_at = releases.released_at
