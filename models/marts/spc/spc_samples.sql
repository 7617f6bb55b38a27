with counts as (

    select * from {{ ref('spc_counts') }}

),

measurements as (

    select * from {{ ref('spc_measurements') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

counts_numbered as (

    select
        counts.*,
        charts.chart_type,
        row_number() over (
            partition by counts.stream_id
            order by counts.occurred_at, counts.row_id, counts.sample_size, counts.defectives, counts.defects
        ) as row_in_stream,
        row_number() over (
            partition by counts.stream_id, counts.occurred_at
            order by counts.row_id, counts.sample_size, counts.defectives, counts.defects
        ) as row_in_moment,
        max(case when counts.defectives is not null then 1 else 0 end) over (
            partition by counts.stream_id
        ) as has_defectives
    from counts
    inner join charts
        on counts.chart_id = charts.chart_id

),

-- A stream counts either defective units or defects; where both are delivered the chart type decides.
counts_of_one_kind as (

    select
        *,
        case
            when chart_type in ('c', 'u', 'u_prime') then 'defects'
            when chart_type in ('p', 'np', 'p_prime') or has_defectives = 1 then 'defectives'
            else 'defects'
        end as counted_kind,
        {{ sample_key('occurred_at') }} as sample_key
    from counts_numbered

),

rows_with_count as (

    select
        *,
        case when counted_kind = 'defectives' then defectives else defects end as counted
    from counts_of_one_kind

),

counted_samples as (

    select
        stream_id,
        sample_key,
        min(counted_kind) as kind,
        min(occurred_at) as sampled_at,
        max(occurred_at) as sample_ends_at,
        sum(sample_size) as sample_size,
        sum(counted) as counted,
        cast(null as {{ type_double() }}) as sample_mean,
        cast(null as {{ type_double() }}) as sample_range,
        cast(null as {{ type_double() }}) as sample_deviation
    from rows_with_count
    where chart_type not in ('g', 't')
    group by stream_id, sample_key
    having min(subgroup) <> 'count' or count(*) = min(subgroup_size)

),

good_units_so_far as (

    select
        *,
        sum(sample_size - counted) over (
            partition by stream_id
            order by row_in_stream
            rows between unbounded preceding and current row
        ) as good_units
    from rows_with_count
    where chart_type in ('g', 't') and counted is not null

),

events as (

    select
        *,
        good_units - lag(good_units) over (partition by stream_id order by row_in_stream) as units_since,
        lag(occurred_at) over (partition by stream_id order by row_in_stream) as previous_at
    from good_units_so_far
    where counted > 0

),

-- Nothing is known about what came before the first event, so the first gap begins there. Two events in one sample have
-- an unknown gap between them, two at one moment none that a t chart could show.
event_gaps as (

    select
        stream_id,
        sample_key,
        'gaps' as kind,
        occurred_at as sampled_at,
        occurred_at as sample_ends_at,
        cast(1 as {{ type_double() }}) as sample_size,
        counted,
        case
            when counted = 1 and chart_type = 'g' then cast(units_since as {{ type_double() }})
            when counted = 1 and occurred_at > previous_at
                then {{ dbt.datediff('previous_at', 'occurred_at', 'second') }} / 3600.0  -- noqa: LT02,LT05
        end as sample_mean,
        cast(null as {{ type_double() }}) as sample_range,
        cast(null as {{ type_double() }}) as sample_deviation
    from events
    where previous_at is not null

),

measurements_numbered as (

    select
        *,
        row_number() over (
            partition by stream_id
            order by measured_at, row_id, subgroup_id, value
        ) as row_in_stream,
        row_number() over (
            partition by stream_id, measured_at
            order by row_id, subgroup_id, value
        ) as row_in_moment
    from measurements

),

measurements_keyed as (

    select
        *,
        {{ sample_key('measured_at') }} as sample_key
    from measurements_numbered

),

measured_samples as (

    select
        stream_id,
        sample_key,
        'measured' as kind,
        min(measured_at) as sampled_at,
        max(measured_at) as sample_ends_at,
        cast(count(value) as {{ type_double() }}) as sample_size,
        cast(null as bigint) as counted,
        avg(value) as sample_mean,
        max(value) - min(value) as sample_range,
        case when count(value) > 1 then stddev_samp(value) end as sample_deviation
    from measurements_keyed
    group by stream_id, sample_key
    having min(subgroup) <> 'count' or count(*) = min(subgroup_size)

)

select * from counted_samples
union all
select * from event_gaps
union all
select * from measured_samples
