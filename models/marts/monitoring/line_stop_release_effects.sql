with hours as (

    select * from {{ ref('line_stop_hours') }}

),

releases as (

    select * from {{ ref('ods_line_stop_releases') }}

),

releases_with_hour as (

    select
        line_id,
        released_at,
        released_by,
        reason,
        {{ hour_number(plant_hour_start('released_at')) }} as hour_number  -- noqa: LT05
    from releases

),

hours_until_calm as (

    select
        line_id,
        hour_number,
        is_alarm,
        min(case when not is_alarm then evaluated_at end) over (
            partition by line_id order by hour_number rows between current row and unbounded following
        ) as calm_at
    from hours

)

-- A release goes by the last hour judged before it. Given while the alarm is on it waits for the first calm hour.
select
    releases.line_id,
    releases.released_at,
    releases.released_by,
    releases.reason,
    coalesce(last_hours.is_alarm, false) as is_held,
    case when last_hours.is_alarm then last_hours.calm_at else releases.released_at end as effective_at
from releases_with_hour as releases
left join hours_until_calm as last_hours
    on
        releases.line_id = last_hours.line_id
        and last_hours.hour_number = releases.hour_number - 1
