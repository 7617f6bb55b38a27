with charts as (

    select * from {{ ref('spc_charts') }}

),

process_measurements as (

    select * from {{ ref('ods_process_measurements') }}

),

sensor_readings as (

    select * from {{ ref('ods_sensor_readings') }}

),

named_streams as (

    select distinct
        source,
        stream
    from charts
    where stream is not null

),

charted_characteristics as (

    select
        charts.chart_id,
        charts.source,
        charts.stream as chart_stream,
        charts.subgroup,
        charts.subgroup_size,
        {{ split_dimension('process_measurements.line_id', 'charts.split_by', 'line_id') }} as line_id,
        {{ split_dimension('process_measurements.station_id', 'charts.split_by', 'station_id') }} as station_id,
        {{ split_dimension('process_measurements.sku_id', 'charts.split_by', 'sku_id') }} as sku_id,
        process_measurements.characteristic as item,
        process_measurements.subgroup_id,
        process_measurements.measured_at,
        process_measurements.measurement_id as row_id,
        process_measurements.value
    from process_measurements
    cross join charts
    where charts.is_enabled and charts.source = 'characteristic'

),

charted_readings as (

    select
        charts.chart_id,
        charts.source,
        charts.stream as chart_stream,
        charts.subgroup,
        charts.subgroup_size,
        cast(null as {{ dbt.type_string() }}) as line_id,
        sensor_readings.equipment_id as station_id,
        cast(null as {{ dbt.type_string() }}) as sku_id,
        sensor_readings.parameter as item,
        cast(null as {{ dbt.type_string() }}) as subgroup_id,
        sensor_readings.reading_time as measured_at,
        cast(null as {{ dbt.type_string() }}) as row_id,
        sensor_readings.value
    from sensor_readings
    cross join charts
    where charts.is_enabled and charts.source = 'sensor'

),

named_measurements as (

    select
        *,
        {{ stream_name(['line_id', 'station_id', 'sku_id', 'item']) }} as stream
    from charted_characteristics
    union all
    select
        *,
        {{ stream_name(['line_id', 'station_id', 'sku_id', 'item']) }} as stream
    from charted_readings

),

charted_measurements as (

    {{ charted_rows('named_measurements', 'named_streams') }}

)

select
    concat(chart_id, '/', stream) as stream_id,
    chart_id,
    source,
    stream,
    line_id,
    sku_id,
    item,
    subgroup,
    subgroup_size,
    case
        when subgroup = 'as_delivered' then subgroup_id
        else {{ period_of('measured_at', 'subgroup') }}
    end as period_key,
    measured_at,
    subgroup_id,
    row_id,
    -- Squares and weighted sums of larger numbers would leave the range of a double: no reading of anything real.
    case when abs(value) <= 1e100 then value end as value
from charted_measurements
