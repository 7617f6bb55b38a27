with signals as (

    select * from {{ ref('line_stop_signals') }}

),

inspections as (

    select * from {{ ref('inspections') }}

)

select
    signals.stop_id,
    inspections.inspection_id,
    signals.line_id,
    signals.paused_at,
    inspections.inspect_time,
    inspections.station_id,
    inspections.sku_id,
    inspections.category,
    inspections.category_source,
    inspections.severity,
    inspections.image_path,
    {{ rests_on_ai_alone() }} as is_ai_alone
from signals
inner join inspections
    on
        signals.line_id = inspections.line_id
        and signals.paused_at > inspections.plant_hour
        and signals.evidence_from <= inspections.plant_hour
where
    signals.state = 'PAUSE_LINE'
    and inspections.is_judged
    and inspections.is_defect
    and inspections.severity = 'Critical'
    and (signals.is_ai_counted or not {{ rests_on_ai_alone() }})
