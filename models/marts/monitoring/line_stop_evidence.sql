with signals as (

    select * from {{ ref('line_stop_signals') }}

),

evidence as (

    select * from {{ ref('line_stop_inspections') }}

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
    evidence.is_critical_by_ai_alone
from signals
inner join evidence
    on
        signals.line_id = evidence.line_id
        and signals.paused_at > evidence.plant_hour
        and signals.evidence_from <= evidence.plant_hour
inner join inspections
    on evidence.inspection_id = inspections.inspection_id
where
    signals.state = 'PAUSE_LINE'
    and evidence.is_critical
    and (signals.is_ai_counted or not evidence.is_critical_by_ai_alone)
