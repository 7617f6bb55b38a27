{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        on_schema_change='append_new_columns',
        post_hook="{{ track_changes(this) }}",
    )
}}

{#-
    The outbox proper. A row that was written is never changed: what became of it stands in mes_actions. Every run
    compares what is wanted now with the newest version of each key and appends the difference.
#}
with wanted as (

    select * from {{ ref('wanted_mes_actions') }}

),

known_inspections as (

    select inspection_id as subject_id
    from {{ ref('dispositions') }}

),

{# Without introspection (lint, compiling without a connection) nobody can be asked whether the table is there. #}
{% if flags.INTROSPECT and is_incremental() -%}
versions_numbered as (

    select
        *,
        row_number() over (
            partition by action_key
            order by version desc
        ) as age
    from {{ this }}

),

newest_versions as (

    select
        action_key,
        version,
        operation,
        kind,
        subject_id,
        line_id,
        subject_day,
        payload,
        payload_md5
    from versions_numbered
    where age = 1

),

{% else -%}
newest_versions as (

    select
        action_key,
        cast(0 as {{ dbt.type_bigint() }}) as version,
        'reverse' as operation,
        kind,
        subject_id,
        line_id,
        subject_day,
        payload,
        payload_md5
    from wanted
    where false

),
{%- endif %}

-- A verdict that came back after a reversal opens the same action again, with the next version.
created_or_amended as (

    select
        wanted.action_key,
        coalesce(newest_versions.version, 0) + 1 as version,
        case
            when newest_versions.operation in ('create', 'amend') then 'amend'
            else 'create'
        end as operation,
        wanted.kind,
        wanted.subject_id,
        wanted.line_id,
        wanted.subject_day,
        wanted.payload,
        wanted.payload_md5
    from wanted
    left join newest_versions
        on wanted.action_key = newest_versions.action_key
    where
        (
            newest_versions.action_key is null
            and wanted.subject_day >= cast({{ sql_text(var('mes_actions_from')) }} as date)
        )
        or newest_versions.operation = 'reverse'
        or newest_versions.payload_md5 <> wanted.payload_md5

),

-- An inspection that is gone from the landing is a fault of the delivery, not a changed verdict: its action stands.
reversed as (

    select
        newest_versions.action_key,
        newest_versions.version + 1 as version,
        'reverse' as operation,
        newest_versions.kind,
        newest_versions.subject_id,
        newest_versions.line_id,
        newest_versions.subject_day,
        newest_versions.payload,
        newest_versions.payload_md5
    from newest_versions
    left join wanted
        on newest_versions.action_key = wanted.action_key
    left join known_inspections
        on newest_versions.subject_id = known_inspections.subject_id
    where
        wanted.action_key is null
        and newest_versions.operation <> 'reverse'
        and (
            known_inspections.subject_id is not null
            or newest_versions.kind in ({{ sql_text_list(line_action_kinds()) }})
        )

),

new_versions as (

    select * from created_or_amended
    union all
    select * from reversed

)

select
    action_key,
    cast(version as {{ dbt.type_bigint() }}) as version,
    operation,
    kind,
    subject_id,
    line_id,
    subject_day,
    payload,
    payload_md5,
    '{{ invocation_id }}' as run_id,
    {{ statement_time() }} as emitted_at
from new_versions
