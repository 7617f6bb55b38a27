with samples as (

    select * from {{ ref('spc_samples') }}

),

streams as (

    select * from {{ ref('spc_streams') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

phase_entries as (

    select
        *,
        concat(chart_id, '/', stream) as stream_id
    from {{ ref('spc_phases') }}

),

-- A phase lasts until the next one of its stream begins; a blank beginning is the beginning of the stream.
declared_phases as (

    select
        *,
        lead(starts_at) over (partition by stream_id order by starts_at nulls first, phase) as next_starts_at
    from phase_entries
    where entry = 'phase'

),

streams_with_phases as (

    select
        stream_id,
        count(*) as phases
    from declared_phases
    group by stream_id

),

exclusions as (

    select
        samples.stream_id,
        samples.sample_key,
        min(phase_entries.reason) as exclusion_reason
    from samples
    inner join phase_entries
        on
            samples.stream_id = phase_entries.stream_id
            and phase_entries.entry = 'exclusion'
            and samples.sampled_at >= phase_entries.starts_at
            and samples.sampled_at <= coalesce(phase_entries.ends_at, phase_entries.starts_at)
    group by samples.stream_id, samples.sample_key

),

-- One value a point, in the unit of one part: a share, defects per unit, a mean, a gap. Time between events is charted
-- as t^(1/3.6), which is close to normal where t is exponential (Nelson 1994).
phased_samples as (

    select
        samples.stream_id,
        streams.chart_id,
        streams.stream,
        coalesce(declared_phases.phase, case when streams_with_phases.stream_id is null then 1 else 0 end) as phase,
        samples.sample_key as subgroup_key,
        samples.sampled_at as subgroup_at,
        samples.sample_ends_at as subgroup_ends_at,
        samples.kind,
        samples.sample_size,
        samples.counted,
        case
            when samples.kind = 'measured' then samples.sample_mean
            when samples.kind = 'gaps' and charts.chart_type = 't' then power(samples.sample_mean, 1 / 3.6)
            when samples.kind = 'gaps' then samples.sample_mean
            else {{ ratio('samples.counted', 'samples.sample_size') }}
        end as value,
        samples.sample_range as subgroup_range,
        samples.sample_deviation as subgroup_deviation,
        exclusions.exclusion_reason,
        declared_phases.centre_line as frozen_centre_line,
        declared_phases.sigma as frozen_sigma,
        declared_phases.baseline_starts_at,
        declared_phases.baseline_ends_at,
        case
            when declared_phases.baseline_points is not null then declared_phases.baseline_points
            when declared_phases.baseline_starts_at is null and declared_phases.baseline_ends_at is null
                then charts.baseline_points
        end as baseline_points
    from samples
    inner join streams
        on samples.stream_id = streams.stream_id
    inner join charts
        on streams.chart_id = charts.chart_id
    left join declared_phases
        on
            samples.stream_id = declared_phases.stream_id
            and (declared_phases.starts_at is null or samples.sampled_at >= declared_phases.starts_at)
            and (declared_phases.next_starts_at is null or samples.sampled_at < declared_phases.next_starts_at)
    left join streams_with_phases
        on samples.stream_id = streams_with_phases.stream_id
    left join exclusions
        on
            samples.stream_id = exclusions.stream_id
            and samples.sample_key = exclusions.sample_key

),

points_numbered as (

    select
        *,
        row_number() over (
            partition by stream_id
            order by subgroup_at, subgroup_key
        ) as point_number,
        case when value is not null then row_number() over (
            partition by stream_id, phase, case when value is null then 0 else 1 end
            order by subgroup_at, subgroup_key
        ) end as phase_point
    from phased_samples

),

baseline_marked as (

    select
        *,
        value is not null
        and exclusion_reason is null
        and frozen_centre_line is null
        and (baseline_starts_at is null or subgroup_at >= baseline_starts_at)
        and (baseline_ends_at is null or subgroup_at <= baseline_ends_at)
        and (baseline_points is null or phase_point <= baseline_points) as is_baseline
    from points_numbered

),

previous_points as (

    select
        *,
        lag(value) over (
            partition by stream_id, phase, case when value is null then 0 else 1 end
            order by phase_point
        ) as previous_value,
        lag(is_baseline) over (
            partition by stream_id, phase, case when value is null then 0 else 1 end
            order by phase_point
        ) as previous_is_baseline
    from baseline_marked

)

select
    stream_id,
    chart_id,
    stream,
    phase,
    point_number,
    phase_point,
    subgroup_key,
    subgroup_at,
    subgroup_ends_at,
    kind,
    sample_size,
    counted,
    value,
    subgroup_range,
    subgroup_deviation,
    abs(value - previous_value) as moving_range,
    is_baseline,
    is_baseline and coalesce(previous_is_baseline, false) as is_baseline_range,
    exclusion_reason,
    frozen_centre_line,
    frozen_sigma
from previous_points
