with points as (

    select * from {{ ref('spc_points') }}

),

subgroups as (

    select * from {{ ref('spc_subgroups') }}

),

streams as (

    select * from {{ ref('spc_streams') }}

),

charts as (

    select * from {{ ref('spc_charts') }}

),

inspections as (

    select * from {{ ref('line_stop_inspections') }}

),

settings as (

    {{ threshold_columns(['line_stop_minimum_inspections', 'line_stop_chart_minimum_expected']) }}

),

line_charts as (

    select
        streams.stream_id,
        streams.line_id
    from streams
    inner join charts
        on streams.chart_id = charts.chart_id
    where charts.source = 'critical_defect_rate' and charts.split_by = 'line_id'

),

points_with_successor as (

    select
        line_charts.line_id,
        points.*,
        lead(points.subgroup_at) over (
            partition by points.stream_id, points.statistic order by points.point_number
        ) as next_subgroup_at
    from points
    inner join line_charts
        on points.stream_id = line_charts.stream_id
    where points.statistic in ('p', 'p_prime')

),

-- A chart may speak where its normal approximation holds, and of a point that is complete: once the next one has begun.
points_beyond as (

    select
        points.line_id,
        points.stream_id,
        points.point_number,
        points.subgroup_at,
        subgroups.subgroup_ends_at,
        points.value,
        points.ucl,
        {{ hour_number(plant_hour_start('subgroups.subgroup_ends_at')) }} as last_hour_number,  -- noqa: LT05
        {{ hour_number(plant_hour_start('points.next_subgroup_at')) }} as next_hour_number  -- noqa: LT05
    from points_with_successor as points
    inner join subgroups
        on
            points.stream_id = subgroups.stream_id
            and points.point_number = subgroups.point_number
    cross join settings
    where
        points.is_beyond_limits
        and points.value > points.ucl
        and points.next_subgroup_at is not null
        and points.sample_size >= settings.line_stop_minimum_inspections
        and points.sample_size * points.centre_line >= settings.line_stop_chart_minimum_expected

),

points_with_evidence as (

    select
        points_beyond.line_id,
        points_beyond.stream_id,
        points_beyond.point_number,
        greatest(min(points_beyond.last_hour_number), min(points_beyond.next_hour_number)) as hour_number,
        min(points_beyond.subgroup_at) as subgroup_at,
        min(points_beyond.value) as chart_value,
        min(points_beyond.ucl) as chart_ucl,
        max(
            case when inspections.is_ai_alone or inspections.is_critical_by_ai_alone then 1 else 0 end
        ) = 1 as rests_on_ai
    from points_beyond
    left join inspections
        on
            points_beyond.line_id = inspections.line_id
            and points_beyond.subgroup_at <= inspections.inspect_time
            and points_beyond.subgroup_ends_at >= inspections.inspect_time
    group by points_beyond.line_id, points_beyond.stream_id, points_beyond.point_number

),

-- Two charts of one line may speak in the same hour: the point that began last is the one a release is least likely to
-- cover.
points_in_hour as (

    select
        *,
        row_number() over (
            partition by line_id, hour_number order by subgroup_at desc, stream_id asc, point_number desc
        ) as place_in_hour
    from points_with_evidence

)

select
    line_id,
    hour_number,
    stream_id,
    point_number,
    subgroup_at,
    chart_value,
    chart_ucl,
    rests_on_ai
from points_in_hour
where place_in_hour = 1
