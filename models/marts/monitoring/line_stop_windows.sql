with inspections as (

    select * from {{ ref('line_stop_inspections') }}

),

release_hours as (

    select * from {{ ref('line_stop_release_hours') }}

),

settings as (

    {{ threshold_columns(['line_stop_window_hours', 'line_stop_hold_hours']) }}

),

numbers as (

    {{ thousand_numbers() }}

),

hourly_counts as (

    select
        line_id,
        hour_number,
        min(plant_hour) as plant_hour,
        sum(case when is_ai_alone then 0 else 1 end) as human_inspections,
        sum(case when is_critical and not is_critical_by_ai_alone then 1 else 0 end) as human_criticals,
        sum(case when is_ai_alone then 1 else 0 end) as ai_inspections,
        sum(case when is_critical_by_ai_alone then 1 else 0 end) as ai_criticals
    from inspections
    group by line_id, hour_number

),

-- An hour is over when something later has come: an inspection, or the release of a line, which tells the time as well.
-- Without the second, a plant whose only line stands still would wait for its own inspections to be released.
news as (

    select hour_number from hourly_counts
    union all
    select hour_number from release_hours

),

plant_clock as (

    select max(hour_number) as open_hour from news

),

-- What is seen in an hour counts in the windows that end up to window_hours - 1 hours later. The hold time beyond them
-- is judged as well: a line that was stopped is silent, and its alarm must end all the same.
reach as (

    select
        numbers.n as hours_later,
        numbers.n < settings.line_stop_window_hours as is_in_window
    from numbers
    cross join settings
    where numbers.n <= settings.line_stop_window_hours + settings.line_stop_hold_hours

),

reached_hours as (

    select
        hourly_counts.line_id,
        hourly_counts.hour_number + reach.hours_later as hour_number,
        {{ dbt.dateadd('hour', 'reach.hours_later', 'hourly_counts.plant_hour') }} as plant_hour,
        hourly_counts.hour_number as seen_hour_number,
        reach.is_in_window,
        hourly_counts.human_inspections,
        hourly_counts.human_criticals,
        hourly_counts.ai_inspections,
        hourly_counts.ai_criticals
    from hourly_counts
    cross join reach
    cross join plant_clock
    where hourly_counts.hour_number + reach.hours_later < plant_clock.open_hour

),

hours_and_releases as (

    select
        line_id,
        hour_number,
        cast(null as {{ dbt.type_timestamp() }}) as released_at
    from reached_hours
    group by line_id, hour_number
    union all
    select
        line_id,
        hour_number,
        released_at
    from release_hours

),

hours_since_release as (

    select
        *,
        max(released_at) over (
            partition by line_id order by hour_number range between unbounded preceding and current row
        ) as last_released_at,
        max(case when released_at is not null then hour_number end) over (
            partition by line_id order by hour_number range between unbounded preceding and current row
        ) as last_release_hour_number
    from hours_and_releases

),

-- Who releases a line vouches for it: what was seen before counts no longer.
hours_with_evidence as (

    select
        reached_hours.*,
        hours_since_release.last_released_at,
        hours_since_release.last_release_hour_number,
        reached_hours.is_in_window
        and (
            hours_since_release.last_release_hour_number is null
            or hours_since_release.last_release_hour_number <= reached_hours.seen_hour_number
        ) as is_counted
    from reached_hours
    inner join hours_since_release
        on
            reached_hours.line_id = hours_since_release.line_id
            and reached_hours.hour_number = hours_since_release.hour_number
            and hours_since_release.released_at is null

)

select
    line_id,
    hour_number,
    min(plant_hour) as plant_hour,
    max(last_released_at) as last_released_at,
    max(last_release_hour_number) as last_release_hour_number,
    max(case when seen_hour_number = hour_number then 1 else 0 end) = 1 as has_news,
    sum(case when is_counted then human_inspections else 0 end) as human_inspections,
    sum(case when is_counted then human_criticals else 0 end) as human_criticals,
    sum(case when is_counted then ai_inspections else 0 end) as ai_inspections,
    sum(case when is_counted then ai_criticals else 0 end) as ai_criticals
from hours_with_evidence
group by line_id, hour_number
