with stops as (

    select * from {{ ref('line_stops') }}

),

hours as (

    select * from {{ ref('line_stop_hours') }}

),

releases as (

    select * from {{ ref('ods_line_stop_releases') }}

),

states as (

    select
        line_id,
        stop_id,
        'PAUSE_LINE' as state,
        1 as state_order,
        paused_at as state_since,
        paused_at,
        cast(null as {{ dbt.type_timestamp() }}) as released_at
    from stops
    union all
    select
        line_id,
        stop_id,
        'HOLD' as state,
        2 as state_order,
        held_released_at as state_since,
        paused_at,
        held_released_at as released_at
    from stops
    where held_released_at is not null
    union all
    select
        line_id,
        stop_id,
        'RELEASED' as state,
        3 as state_order,
        ended_at as state_since,
        paused_at,
        ending_released_at as released_at
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
        when 'PAUSE_LINE' then {{ line_stop_reason('hours') }}
        when 'HOLD' then 'released by a person, but the stop condition was met within the hold time or is met still'
        else coalesce(releases.reason, 'released by a person')
    end as reason,
    states_in_order.newest_first = 1 as is_current,
    states_in_order.paused_at,
    hours.trigger_kind,
    hours.window_hours,
    hours.evidence_from,
    hours.inspections,
    hours.critical_defects,
    hours.critical_rate,
    hours.critical_rate_lower_bound,
    hours.stop_rate,
    hours.agreement,
    hours.is_ai_counted,
    states_in_order.released_at,
    releases.released_by
from states_in_order
inner join hours
    on
        states_in_order.line_id = hours.line_id
        and states_in_order.paused_at = hours.evaluated_at
left join releases
    on
        states_in_order.line_id = releases.line_id
        and states_in_order.released_at = releases.released_at
