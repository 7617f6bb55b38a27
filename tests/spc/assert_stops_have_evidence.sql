-- A stop rests on inspections that can be shown: by the rate on those it counted, by a chart on some.
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
    and (
        coalesce(evidence.shown, 0) = 0
        or (signals.trigger_kind = 'rate' and evidence.shown <> signals.critical_defects)
    )
