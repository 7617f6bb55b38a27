with samples as (

    select * from {{ ref('spc_samples') }}

),

streams as (

    select * from {{ ref('spc_streams') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

decisions as (

    select
        *,
        concat(chart_id, '/', stream) as stream_id
    from {{ ref('spc_phases') }}

),

-- A phase lasts until the next one of its stream begins; a blank beginning is the beginning of the stream.
phase_windows as (

    select
        *,
        lead(starts_at) over (partition by stream_id order by starts_at nulls first, phase) as next_starts_at
    from decisions
    where entry = 'phase'

),

first_phases as (

    select
        stream_id,
        min(phase) as phase
    from phase_windows
    group by stream_id

),

exclusions as (

    select
        samples.stream_id,
        samples.sample_key,
        min(decisions.reason) as exclusion_reason
    from samples
    inner join decisions
        on
            samples.stream_id = decisions.stream_id
            and decisions.entry = 'exclusion'
            and samples.sampled_at >= decisions.starts_at
            and samples.sampled_at <= coalesce(decisions.ends_at, decisions.starts_at)
    group by samples.stream_id, samples.sample_key

)

-- What lies before the first declared phase is the phase before it, under the baseline that the chart says.
-- One value a point, in the unit of one part: a share, defects per unit, a mean, a gap. Time between events is charted
-- as t^(1/3.6), which is close to normal where t is exponential (Nelson 1994).
select
    samples.stream_id,
    streams.chart_id,
    streams.stream,
    coalesce(phase_windows.phase, first_phases.phase - 1, 1) as phase,
    samples.sample_key as subgroup_key,
    samples.sampled_at as subgroup_at,
    samples.sample_ends_at as subgroup_ends_at,
    samples.kind,
    samples.sample_size,
    samples.counted,
    case
        when samples.kind = 'measured' then samples.sample_mean
        when samples.kind = 'gaps' and charts.chart_type = 't'
            then power(samples.sample_mean, 1 / cast(3.6 as {{ type_double() }}))
        when samples.kind = 'gaps' then samples.sample_mean
        else {{ ratio('samples.counted', 'samples.sample_size') }}
    end as value,
    samples.sample_range as subgroup_range,
    samples.sample_deviation as subgroup_deviation,
    exclusions.exclusion_reason,
    phase_windows.centre_line as frozen_centre_line,
    phase_windows.sigma as frozen_sigma,
    phase_windows.baseline_starts_at,
    phase_windows.baseline_ends_at,
    case
        when phase_windows.baseline_points is not null then phase_windows.baseline_points
        when phase_windows.baseline_starts_at is null and phase_windows.baseline_ends_at is null
            then charts.baseline_points
    end as baseline_points
from samples
inner join streams
    on samples.stream_id = streams.stream_id
inner join charts
    on streams.chart_id = charts.chart_id
left join phase_windows
    on
        samples.stream_id = phase_windows.stream_id
        and (phase_windows.starts_at is null or samples.sampled_at >= phase_windows.starts_at)
        and (phase_windows.next_starts_at is null or samples.sampled_at < phase_windows.next_starts_at)
left join first_phases
    on samples.stream_id = first_phases.stream_id
left join exclusions
    on
        samples.stream_id = exclusions.stream_id
        and samples.sample_key = exclusions.sample_key
