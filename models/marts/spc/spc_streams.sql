with counts as (

    select * from {{ ref('spc_counts') }}

),

measurements as (

    select * from {{ ref('spc_measurements') }}

),

characteristics as (

    select * from {{ ref('ods_characteristics') }}

),

streams as (

    select distinct
        stream_id,
        chart_id,
        source,
        stream,
        line_id,
        sku_id,
        item
    from counts
    union
    select distinct
        stream_id,
        chart_id,
        source,
        stream,
        line_id,
        sku_id,
        item
    from measurements

)

select
    streams.stream_id,
    streams.chart_id,
    streams.source,
    streams.stream,
    streams.line_id,
    streams.sku_id,
    streams.item,
    characteristics.unit,
    characteristics.lower_spec,
    characteristics.target,
    characteristics.upper_spec
from streams
left join characteristics
    on
        streams.source = 'characteristic'
        and streams.sku_id = characteristics.sku_id
        and streams.item = characteristics.characteristic
