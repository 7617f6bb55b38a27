{#
    One text for a set of rows that changes when any of them does: an aggregate over text and number columns (`columns`) and double
    columns (`doubles`, taken to 12 digits, because the last bits of a sum depend on the order of its rows). A row is told from an equal
    one by a number that must be among the columns.
#}
{% macro rows_fingerprint(columns, doubles) -%}
    {{ return(adapter.dispatch('rows_fingerprint', 'faultline')(columns, doubles)) }}
{%- endmacro %}

{% macro default__rows_fingerprint(columns, doubles) -%}
    {%- set parts = columns | list -%}
    {%- for column in doubles -%}
        {%- do parts.append("printf('%.11e', " ~ column ~ ")") -%}
    {%- endfor -%}
    {{ return("cast(bit_xor(hash(" ~ (parts | join(', ')) ~ ")) as varchar)") }}
{%- endmacro %}

{# On Lakehouse the engine itself knows what has changed; this only has to be valid there. #}
{% macro clickzetta__rows_fingerprint(columns, doubles) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append("coalesce(cast(" ~ column ~ " as string), '-')") -%}
    {%- endfor -%}
    {%- for column in doubles -%}
        {%- do parts.append("coalesce(cast(cast(" ~ column ~ " as float) as string), '-')") -%}
    {%- endfor -%}
    {{ return("cast(sum(crc32(concat(" ~ (parts | join(", '|', ")) ~ "))) as string)") }}
{%- endmacro %}


{#
    The CTE changed_phases: phases whose version is not the one of `known`, a relation with phase_key and fingerprint; all of them
    where there is nothing to compare with.
#}
{% macro changed_phases(known) -%}
changed_phases as (

    select
        versions.stream_id,
        versions.phase,
        versions.phase_key,
        versions.fingerprint
    from {{ ref('spc_phase_versions') }} as versions
    {%- if known %}
    left join (
        select distinct
            phase_key,
            fingerprint
        from {{ known }}
    ) as known_versions
        on
            versions.phase_key = known_versions.phase_key
            and versions.fingerprint = known_versions.fingerprint
    where known_versions.phase_key is null
    {%- endif %}

)
{%- endmacro %}


{#
    Removes what belongs to phases that are no longer there or are about to be computed again: a pre-hook of models that are built
    phase by phase. Nothing would take away the old rows of a phase that has no new ones, as delete+insert goes by the new rows.
    `known` is the relation with phase_key and fingerprint that the model compares with in changed_phases.
#}
{% macro delete_outdated_phases(known) -%}
    {{ return(adapter.dispatch('delete_outdated_phases', 'faultline')(known)) }}
{%- endmacro %}

{# A dynamic table holds what its query returns: nothing is left to remove, and nobody may. #}
{% macro clickzetta__delete_outdated_phases(known) -%}
    {{ return('') }}
{%- endmacro %}

{% macro default__delete_outdated_phases(known) -%}
    {%- if is_incremental() %}
    delete from {{ this }}
    where
        phase_key not in (
            select versions.phase_key
            from {{ ref('spc_phase_versions') }} as versions
            {%- if known %}
            inner join {{ known }} as known_versions
                on
                    versions.phase_key = known_versions.phase_key
                    and versions.fingerprint = known_versions.fingerprint
            {%- else %}
            where false
            {%- endif %}
        )
    {%- endif %}
{%- endmacro %}


{#
    The relation spc_judged_phases where it is there, else none. It is built after spc_signals, so that a run that fails between points
    and signals is caught up with; a `ref` would make a circle.
#}
{% macro judged_phases() -%}
    {{ return(adapter.get_relation(this.database, this.schema, 'spc_judged_phases') if execute and flags.INTROSPECT else none) }}
{%- endmacro %}
