-- A chart without limits must say why, and a chart with limits must not say there are none.
with points as (

    select * from {{ ref('spc_points') }}

)

select
    stream_id,
    statistic,
    point_number
from points
where
    (limit_reason is null and (ucl is null or standardised_value is null))
    or (limit_reason is not null and standardised_value is not null)
