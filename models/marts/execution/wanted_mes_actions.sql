with dispositions as (

    select * from {{ ref('dispositions') }}

),

coded_root_causes as (

    select * from {{ ref('coded_root_causes') }}

),

line_stop_signals as (

    select * from {{ ref('line_stop_signals') }}

),

-- A part that waits for a person needs one, whatever the wait is for. A part nobody has judged yet waits for an answer.
part_actions as (

    select
        case
            when dispositions.disposition in ('scrap', 'rework') then dispositions.disposition
            when dispositions.pending_reason in ('re-inspection', 'approval') then 'reinspect'
        end as kind,
        dispositions.inspection_id as subject_id,
        dispositions.line_id,
        dispositions.local_day as subject_day,
        dispositions.inspection_id,
        dispositions.station_id,
        dispositions.sku_id,
        dispositions.part_serial,
        dispositions.supplier_id,
        dispositions.supplier_lot_id,
        dispositions.category,
        dispositions.severity,
        coded_root_causes.root_cause_code,
        dispositions.decided_by,
        dispositions.pending_reason as reason,
        cast(dispositions.inspect_time as {{ dbt.type_string() }}) as since
    from dispositions
    left join coded_root_causes
        on dispositions.inspection_id = coded_root_causes.inspection_id
    where
        dispositions.repeats_inspection_id is null
        and (
            dispositions.disposition in ('scrap', 'rework')
            or dispositions.pending_reason in ('re-inspection', 'approval')
        )

),

-- A line is held between stop and release; only the two ends of it are orders.
line_actions as (

    select
        case state when 'PAUSE_LINE' then 'pause_line' else 'release_line' end as kind,
        stop_id as subject_id,
        line_id,
        {{ plant_day('state_since') }} as subject_day,
        cast(null as {{ dbt.type_string() }}) as inspection_id,
        cast(null as {{ dbt.type_string() }}) as station_id,
        cast(null as {{ dbt.type_string() }}) as sku_id,
        cast(null as {{ dbt.type_string() }}) as part_serial,
        cast(null as {{ dbt.type_string() }}) as supplier_id,
        cast(null as {{ dbt.type_string() }}) as supplier_lot_id,
        cast(null as {{ dbt.type_string() }}) as category,
        cast(null as {{ dbt.type_string() }}) as severity,
        cast(null as {{ dbt.type_string() }}) as root_cause_code,
        case state when 'PAUSE_LINE' then 'rule' else 'person' end as decided_by,
        reason,
        cast(state_since as {{ dbt.type_string() }}) as since
    from line_stop_signals
    where state in ('PAUSE_LINE', 'RELEASED')

),

all_actions as (

    select * from part_actions
    union all
    select * from line_actions

),

{#- The order of these columns is the order of the keys in the payload: a change amends every action. #}
{%- set payload_columns = [
    'kind', 'subject_id', 'line_id', 'station_id', 'sku_id', 'part_serial', 'supplier_id', 'supplier_lot_id',
    'category', 'severity', 'root_cause_code', 'decided_by', 'reason', 'since',
] %}

payloads as (

    select
        {{ action_key('all_actions.kind', 'all_actions.subject_id') }} as action_key,
        all_actions.kind,
        all_actions.subject_id,
        all_actions.line_id,
        all_actions.subject_day,
        {{ row_as_json('all_actions', payload_columns) }} as payload
    from all_actions

)

select
    action_key,
    kind,
    subject_id,
    line_id,
    subject_day,
    payload,
    {{ dbt.hash('payload') }} as payload_md5
from payloads
