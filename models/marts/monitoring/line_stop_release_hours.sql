with releases as (

    select * from {{ ref('ods_line_stop_releases') }}

),

releases_with_hour as (

    select
        line_id,
        {{ hour_number(plant_hour_start('released_at')) }} as hour_number,  -- noqa: LT05
        released_at
    from releases

)

select
    line_id,
    hour_number,
    max(released_at) as released_at
from releases_with_hour
group by line_id, hour_number
