with inspections as (

    select * from {{ ref('inspections') }}

),

critical_points as (

    select * from {{ ref('spc_points') }}

),

critical_subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

streams as (

    select * from {{ ref('spc_streams') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

releases as (

    select * from {{ ref('ods_line_stop_releases') }}

),

settings as (

    {{ threshold_columns(line_stop_thresholds()) }}

),

evidence as (

    select
        line_id,
        plant_hour,
        {{ hour_number('plant_hour') }} as hour_number,
        {{ rests_on_ai_alone() }} as is_ai_alone,
        is_defect and coalesce(severity = 'Critical', false) as is_critical
    from inspections
    where is_judged

),

hourly_evidence as (

    select
        line_id,
        hour_number,
        min(plant_hour) as plant_hour,
        sum(case when is_ai_alone then 0 else 1 end) as human_inspections,
        sum(case when is_critical and not is_ai_alone then 1 else 0 end) as human_criticals,
        sum(case when is_ai_alone then 1 else 0 end) as ai_inspections,
        sum(case when is_critical and is_ai_alone then 1 else 0 end) as ai_criticals
    from evidence
    group by line_id, hour_number

),

-- An hour is judged once it is over: when the plant has delivered something later. So a judged hour stays judged.
plant_clock as (

    select max(hour_number) as open_hour from hourly_evidence

),

hours_to_the_next as (

    select
        *,
        lead(hour_number) over (partition by line_id order by hour_number) as next_hour_number
    from hourly_evidence

),

-- Where a line falls silent, one more hour is looked at: the first that has nothing left in its window.
judged_hours as (

    select
        hourly_evidence.line_id,
        hourly_evidence.hour_number,
        hourly_evidence.plant_hour
    from hourly_evidence
    inner join plant_clock
        on hourly_evidence.hour_number < plant_clock.open_hour
    union all
    select
        hours_to_the_next.line_id,
        hours_to_the_next.hour_number + {{ silent_hours() }} as hour_number,
        {{ dbt.dateadd('hour', silent_hours(), 'hours_to_the_next.plant_hour') }} as plant_hour
    from hours_to_the_next
    cross join settings
    cross join plant_clock
    where
        hours_to_the_next.hour_number + {{ silent_hours() }} < plant_clock.open_hour
        and (
            hours_to_the_next.next_hour_number is null
            or hours_to_the_next.next_hour_number > hours_to_the_next.hour_number + {{ silent_hours() }}
        )

),

-- Who releases a line vouches for it: what was seen up to that hour counts no longer.
judged_windows as (

    select
        judged_hours.line_id,
        judged_hours.hour_number,
        min(judged_hours.plant_hour) as plant_hour,
        max({{ hour_number('releases.released_at') }}) as released_hour,
        case
            when
                max({{ hour_number('releases.released_at') }})
                > judged_hours.hour_number - max(settings.line_stop_window_hours)
                then max({{ hour_number('releases.released_at') }}) + 1
            else judged_hours.hour_number - cast(max(settings.line_stop_window_hours) as bigint) + 1
        end as first_counted_hour
    from judged_hours
    cross join settings
    left join releases
        on
            judged_hours.line_id = releases.line_id
            and judged_hours.hour_number >= {{ hour_number('releases.released_at') }}
    group by judged_hours.line_id, judged_hours.hour_number

),

window_sums as (

    select
        judged_hours.line_id,
        judged_hours.hour_number,
        min(judged_hours.plant_hour) as plant_hour,
        min(judged_hours.released_hour) as released_hour,
        min(judged_hours.first_counted_hour) as first_counted_hour,
        coalesce(sum(hourly_evidence.human_inspections), 0) as human_inspections,
        coalesce(sum(hourly_evidence.human_criticals), 0) as human_criticals,
        coalesce(sum(hourly_evidence.ai_inspections), 0) as ai_inspections,
        coalesce(sum(hourly_evidence.ai_criticals), 0) as ai_criticals
    from judged_windows as judged_hours
    left join hourly_evidence
        on
            judged_hours.line_id = hourly_evidence.line_id
            and judged_hours.hour_number >= hourly_evidence.hour_number
            and judged_hours.first_counted_hour <= hourly_evidence.hour_number
    group by judged_hours.line_id, judged_hours.hour_number

),

reviews_of_answers as (

    select
        line_id,
        cast(floor({{ hour_number('reviewed_at') }} / 24.0) as bigint) as day_number,
        ai_category = reviewed_category as is_agreeing
    from inspections
    where reviewed_category is not null and ai_category is not null and reviewed_at is not null

),

daily_agreement as (

    select
        line_id,
        day_number,
        count(*) as reviews,
        sum(case when is_agreeing then 1 else 0 end) as agreeing
    from reviews_of_answers
    group by line_id, day_number

),

-- What was known of the model before the day began.
agreement_sums as (

    select
        window_sums.line_id,
        window_sums.hour_number,
        coalesce(sum(daily_agreement.reviews), 0) as reviews,
        coalesce(sum(daily_agreement.agreeing), 0) as agreeing
    from window_sums
    cross join settings
    left join daily_agreement
        on
            window_sums.line_id = daily_agreement.line_id
            and daily_agreement.day_number < floor(window_sums.hour_number / 24.0)
            and daily_agreement.day_number >= floor(window_sums.hour_number / 24.0) - settings.line_stop_agreement_days
    group by window_sums.line_id, window_sums.hour_number

),

points_with_successor as (

    select
        *,
        lead(subgroup_at) over (partition by stream_id, statistic order by point_number) as next_subgroup_at
    from critical_points

),

-- A chart may speak where its normal approximation holds and its point is complete.
points_beyond as (

    select
        streams.line_id,
        {{ hour_number('critical_subgroups.subgroup_ends_at') }} as hour_number,  -- noqa: LT05
        {{ hour_number('points.subgroup_at') }} as starts_hour,
        points.value,
        points.ucl
    from points_with_successor as points
    inner join critical_subgroups
        on
            points.stream_id = critical_subgroups.stream_id
            and points.point_number = critical_subgroups.point_number
    inner join streams
        on points.stream_id = streams.stream_id
    inner join charts
        on streams.chart_id = charts.chart_id
    cross join settings
    where
        charts.source = 'critical_defect_rate'
        and charts.split_by = 'line_id'
        and points.statistic in ('p', 'p_prime')
        and points.is_beyond_limits
        and points.value > points.ucl
        and points.next_subgroup_at is not null
        and points.sample_size >= settings.line_stop_minimum_inspections
        and points.sample_size * points.centre_line >= settings.line_stop_chart_minimum_expected

),

chart_hits as (

    select
        line_id,
        hour_number,
        min(starts_hour) as chart_starts_hour,
        max(value) as chart_value,
        max(ucl) as chart_ucl
    from points_beyond
    group by line_id, hour_number

),

counted_evidence as (

    select
        window_sums.*,
        {{ dbt.dateadd('hour', 1, 'window_sums.plant_hour') }} as evaluated_at,
        {{ dbt.dateadd(
            'hour', 'cast(window_sums.first_counted_hour - window_sums.hour_number as bigint)', 'window_sums.plant_hour'
        ) }} as evidence_from,
        agreement_sums.reviews,
        agreement_sums.agreeing,
        settings.line_stop_window_hours as window_hours,
        coalesce(
            agreement_sums.reviews >= settings.line_stop_agreement_minimum_reviews
            and agreement_sums.agreeing >= settings.line_stop_agreement_floor * agreement_sums.reviews,
            false
        ) as is_ai_counted,
        chart_hits.chart_value,
        chart_hits.chart_ucl,
        settings.line_stop_minimum_inspections,
        settings.line_stop_rate,
        settings.line_stop_release_rate,
        settings.line_stop_confidence_z,
        settings.line_stop_hold_hours
    from window_sums
    inner join agreement_sums
        on
            window_sums.line_id = agreement_sums.line_id
            and window_sums.hour_number = agreement_sums.hour_number
    left join chart_hits
        on
            window_sums.line_id = chart_hits.line_id
            and window_sums.hour_number = chart_hits.hour_number
            and chart_hits.chart_starts_hour > coalesce(window_sums.released_hour, 0)
    cross join settings

),

rates as (

    select
        *,
        human_inspections + case when is_ai_counted then ai_inspections else 0 end as inspections,
        human_criticals + case when is_ai_counted then ai_criticals else 0 end as critical_defects
    from counted_evidence

),

conditions as (

    select
        *,
        {{ wilson_bound(
            'critical_defects', 'inspections', '-', z='line_stop_confidence_z'
        ) }} as critical_rate_lower_bound,
        {{ ratio('critical_defects', 'inspections') }} as critical_rate
    from rates

),

triggers as (

    select
        *,
        case
            when inspections >= line_stop_minimum_inspections and critical_rate_lower_bound > line_stop_rate
                then 'rate'
            when chart_value is not null and (is_ai_counted or ai_inspections = 0) then 'chart'
        end as trigger_kind
    from conditions

),

trigger_times as (

    select
        *,
        max(case when trigger_kind is not null then hour_number end) over (
            partition by line_id order by hour_number rows between unbounded preceding and current row
        ) as last_trigger_hour
    from triggers

),

-- The alarm is set by a trigger and reset by a calm hour: no trigger for the hold time, and the bound back below the
-- lower threshold (or too few inspections left in the window to speak of a rate).
settings_and_resets as (

    select
        *,
        case
            when
                hour_number - coalesce(last_trigger_hour, hour_number - line_stop_hold_hours) >= line_stop_hold_hours
                and trigger_kind is null
                and (inspections < line_stop_minimum_inspections or critical_rate_lower_bound <= line_stop_release_rate)
                then hour_number
        end as reset_hour
    from trigger_times

),

alarms as (

    select
        *,
        coalesce(last_trigger_hour > coalesce(max(reset_hour) over (
            partition by line_id order by hour_number rows between unbounded preceding and current row
        ), last_trigger_hour - 1), false) as is_alarm
    from settings_and_resets

)

select
    line_id,
    plant_hour,
    hour_number,
    evaluated_at,
    window_hours,
    evidence_from,
    inspections,
    critical_defects,
    critical_rate,
    critical_rate_lower_bound,
    line_stop_rate as stop_rate,
    line_stop_release_rate as release_rate,
    ai_inspections,
    ai_criticals,
    reviews,
    {{ ratio('agreeing', 'reviews') }} as agreement,
    is_ai_counted,
    chart_value,
    chart_ucl,
    trigger_kind,
    is_alarm
from alarms
