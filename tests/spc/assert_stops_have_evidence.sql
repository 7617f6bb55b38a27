-- A stop by the rate of critical defects rests on inspections that can be shown.
with signals as (

    select * from {{ ref('line_stop_signals') }}

),

evidence as (

    select
        stop_id,
        count(*) as shown
    from {{ ref('line_stop_evidence') }}
    group by stop_id

)

select
    signals.stop_id,
    signals.critical_defects,
    evidence.shown
from signals
left join evidence
    on signals.stop_id = evidence.stop_id
where
    signals.state = 'PAUSE_LINE'
    and signals.trigger_kind = 'rate'
    and coalesce(evidence.shown, 0) <> signals.critical_defects
