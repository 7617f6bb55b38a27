with windows as (

    select * from {{ ref('line_stop_windows') }}

),

agreement as (

    select * from {{ ref('line_stop_agreement') }}

),

chart_hits as (

    select * from {{ ref('line_stop_chart_hits') }}

),

settings as (

    {{ threshold_columns([
        'line_stop_window_hours', 'line_stop_minimum_inspections', 'line_stop_rate', 'line_stop_release_rate',
        'line_stop_confidence_z', 'line_stop_hold_hours',
    ]) }}

),

counted_evidence as (

    select
        windows.*,
        {{ dbt.dateadd('hour', 1, 'windows.plant_hour') }} as evaluated_at,
        coalesce(agreement.reviews, 0) as reviews,
        agreement.agreement,
        coalesce(agreement.is_ai_counted, false) as is_ai_counted,
        windows.human_inspections
        + case when agreement.is_ai_counted then windows.ai_inspections else 0 end as inspections,
        windows.human_criticals
        + case when agreement.is_ai_counted then windows.ai_criticals else 0 end as critical_defects,
        settings.line_stop_window_hours as window_hours,
        settings.line_stop_minimum_inspections as minimum_inspections,
        settings.line_stop_rate as stop_rate,
        settings.line_stop_release_rate as release_rate,
        settings.line_stop_confidence_z as confidence_z,
        settings.line_stop_hold_hours as hold_hours
    from windows
    left join agreement
        on
            windows.line_id = agreement.line_id
            and {{ plant_day('windows.plant_hour') }} = agreement.local_day
    cross join settings

),

rates as (

    select
        *,
        {{ ratio('critical_defects', 'inspections') }} as critical_rate,
        {{ wilson_bound('critical_defects', 'inspections', '-', z='confidence_z') }} as critical_rate_lower_bound
    from counted_evidence

),

-- A chart point that began before the last release is vouched for; one that rests on AI waits for the agreement.
rates_and_charts as (

    select
        rates.*,
        chart_hits.chart_value,
        chart_hits.chart_ucl,
        chart_hits.subgroup_at as chart_subgroup_at
    from rates
    left join chart_hits
        on
            rates.line_id = chart_hits.line_id
            and rates.hour_number = chart_hits.hour_number
            and (rates.last_released_at is null or rates.last_released_at < chart_hits.subgroup_at)
            and (rates.is_ai_counted or not chart_hits.rests_on_ai)

),

-- Good parts that leave the window raise its rate: without news from the line that is no reason to stop it.
triggers as (

    select
        *,
        case
            when not has_news then null
            when inspections >= minimum_inspections and critical_rate_lower_bound > stop_rate then 'rate'
            when chart_value is not null then 'chart'
        end as trigger_kind,
        inspections < minimum_inspections or critical_rate_lower_bound <= release_rate as is_rate_low
    from rates_and_charts

),

last_triggers as (

    select
        *,
        max(case when trigger_kind is not null then hour_number end) over (
            partition by line_id order by hour_number rows between unbounded preceding and current row
        ) as last_trigger_hour_number
    from triggers

),

-- The alarm is set by a trigger and reset by a calm hour: no trigger for the hold time, and the rate low again.
last_resets as (

    select
        *,
        max(case
            when
                trigger_kind is null
                and is_rate_low
                and (last_trigger_hour_number is null or hour_number - last_trigger_hour_number >= hold_hours)
                then hour_number
        end) over (
            partition by line_id order by hour_number rows between unbounded preceding and current row
        ) as last_reset_hour_number
    from last_triggers

)

select
    line_id,
    plant_hour,
    hour_number,
    evaluated_at,
    window_hours,
    case
        when trigger_kind = 'chart' then {{ plant_hour_start('chart_subgroup_at') }}
        when last_release_hour_number > hour_number - window_hours then {{ plant_hour_start('last_released_at') }}
        else {{ dbt.dateadd('hour', 'cast(1 - window_hours as bigint)', 'plant_hour') }}
    end as evidence_from,
    inspections,
    critical_defects,
    critical_rate,
    critical_rate_lower_bound,
    stop_rate,
    release_rate,
    ai_inspections,
    ai_criticals,
    reviews,
    agreement,
    is_ai_counted,
    chart_value,
    chart_ucl,
    trigger_kind,
    last_trigger_hour_number is not null
    and (last_reset_hour_number is null or last_reset_hour_number < last_trigger_hour_number) as is_alarm
from last_resets
