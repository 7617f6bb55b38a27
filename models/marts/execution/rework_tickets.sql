{{ config(contract=public_contract()) }}

with dispositions as (

    select * from {{ ref('dispositions') }}

),

skus as (

    select * from {{ ref('ods_skus') }}

),

mes_actions as (

    select *
    from {{ ref('mes_actions') }}
    where is_newest_version

),

reworks as (

    select *
    from dispositions
    where disposition = 'rework'

),

-- What became of the part: the next look at the same serial after the ticket.
next_looks as (

    select
        reworks.inspection_id,
        later.inspection_id as next_inspection_id,
        later.inspect_time as next_inspect_time,
        later.disposition as next_disposition,
        row_number() over (
            partition by reworks.inspection_id
            order by later.inspect_time, later.inspection_id
        ) as look_number
    from reworks
    inner join dispositions as later
        on
            reworks.sku_id = later.sku_id
            and reworks.part_serial = later.part_serial
            and later.inspect_time > reworks.inspect_time

)

select
    {{ action_key("'rework'", 'reworks.inspection_id') }} as action_key,
    reworks.inspection_id,
    reworks.local_day,
    reworks.line_id,
    reworks.station_id,
    reworks.sku_id,
    reworks.part_serial,
    reworks.supplier_id,
    reworks.supplier_lot_id,
    reworks.category,
    reworks.severity,
    reworks.decided_by,
    mes_actions.version as action_version,
    mes_actions.state as action_state,
    mes_actions.mes_reference,
    next_looks.next_inspection_id,
    next_looks.next_inspect_time,
    next_looks.next_disposition,
    skus.rework_cost,
    {{ sql_text(var('plant_currency')) }} as currency
from reworks
left join skus
    on reworks.sku_id = skus.sku_id
left join mes_actions
    on {{ action_key("'rework'", 'reworks.inspection_id') }} = mes_actions.action_key
left join next_looks
    on
        reworks.inspection_id = next_looks.inspection_id
        and next_looks.look_number = 1
