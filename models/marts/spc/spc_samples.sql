with counts as (

    select * from {{ ref('spc_counts') }}

),

event_gaps as (

    select * from {{ ref('spc_event_gaps') }}

),

measurements as (

    select * from {{ ref('spc_measurements') }}

),

counts_numbered as (

    select
        *,
        row_number() over (
            partition by stream_id
            order by occurred_at, row_id, sample_size, counted
        ) as row_in_stream,
        row_number() over (
            partition by stream_id, occurred_at
            order by row_id, sample_size, counted
        ) as row_in_moment
    from counts
    where chart_type not in ('g', 't') and period_key is null

),

-- Only rows without a period of their own have to be numbered, which takes a sort.
counts_keyed as (

    select
        stream_id,
        period_key as sample_key,
        subgroup,
        subgroup_size,
        occurred_at,
        kind,
        sample_size,
        counted
    from counts
    where chart_type not in ('g', 't') and period_key is not null
    union all
    select
        stream_id,
        {{ row_key('occurred_at') }} as sample_key,
        subgroup,
        subgroup_size,
        occurred_at,
        kind,
        sample_size,
        counted
    from counts_numbered

),

counted_samples as (

    select
        stream_id,
        sample_key,
        min(kind) as kind,
        min(occurred_at) as sampled_at,
        max(occurred_at) as sample_ends_at,
        -- A row on which nothing was counted adds no units to those on which something was.
        coalesce(sum(case when counted is not null then sample_size end), sum(sample_size)) as sample_size,
        sum(counted) as counted,
        cast(null as {{ type_double() }}) as sample_mean,
        cast(null as {{ type_double() }}) as sample_range,
        cast(null as {{ type_double() }}) as sample_deviation
    from counts_keyed
    group by stream_id, sample_key
    having min(subgroup) <> 'count' or count(*) = min(subgroup_size)

),

-- A gap is one value, whatever lies between its events.
gap_samples as (

    select
        stream_id,
        sample_key,
        'gaps' as kind,
        occurred_at as sampled_at,
        occurred_at as sample_ends_at,
        cast(1 as {{ type_double() }}) as sample_size,
        counted,
        gap as sample_mean,
        cast(null as {{ type_double() }}) as sample_range,
        cast(null as {{ type_double() }}) as sample_deviation
    from event_gaps

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
    where period_key is null

),

measurements_keyed as (

    select
        stream_id,
        period_key as sample_key,
        subgroup,
        subgroup_size,
        measured_at,
        value
    from measurements
    where period_key is not null
    union all
    select
        stream_id,
        {{ row_key('measured_at') }} as sample_key,
        subgroup,
        subgroup_size,
        measured_at,
        value
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
select * from gap_samples
union all
select * from measured_samples
