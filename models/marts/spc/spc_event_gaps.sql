with counts as (

    select * from {{ ref('spc_counts') }}

),

good_units_so_far as (

    select
        *,
        row_number() over (
            partition by stream_id
            order by occurred_at, row_id, sample_size, counted
        ) as row_in_stream,
        row_number() over (
            partition by stream_id, occurred_at
            order by row_id, sample_size, counted
        ) as row_in_moment,
        sum(sample_size - counted) over (
            partition by stream_id
            order by occurred_at, row_id, sample_size, counted
            rows between unbounded preceding and current row
        ) as good_units
    from counts
    where chart_type in ('g', 't') and counted is not null

),

events as (

    select
        *,
        good_units - lag(good_units) over (partition by stream_id order by row_in_stream) as good_units_since,
        lag(occurred_at) over (partition by stream_id order by row_in_stream) as previous_at
    from good_units_so_far
    where counted > 0

)

-- Nothing is known about what came before the first event, so the first gap begins there. Two events in one sample have
-- an unknown gap between them, two at one moment none that a t chart could show.
select
    stream_id,
    {{ moment_key('occurred_at', 'row_in_moment') }} as sample_key,
    occurred_at,
    counted,
    case
        when counted = 1 and chart_type = 'g' then cast(good_units_since as {{ type_double() }})
        when counted = 1 and occurred_at > previous_at
            then cast({{ dbt.datediff('previous_at', 'occurred_at', 'second') }} as {{ type_double() }}) / 3600  -- noqa: LT02,LT05
    end as gap
from events
where previous_at is not null
