{#
    The fate of every landed row, in the order that keeps a bad correction from hiding a good version:
    quarantined rows first, then exact duplicates, then the latest version of each key.

    relation         a CTE with row_key, raw_row, landing_file, quarantine_reason and the typed columns
    key              typed columns that identify a row; empty where equal rows may be legitimate
    latest_by        column by which the latest version wins; a tie goes to the greatest raw_row, the same in every run
    key_if_present   an optional identifier: rows without it are all kept

    Adds row_status (quarantined, duplicate, superseded, kept), version_count (different usable versions of the key) and
    is_version_tie (the
    version was not the only one with its latest_by).
#}
{% macro settle_rows(relation, key=[], latest_by=none, key_if_present=none) -%}
{%- set key_columns = [key_if_present] if key_if_present else key -%}
{%- set is_keyed = (key_if_present ~ " is not null") if key_if_present else ("true" if key else "false") -%}
{%- set partition = key_columns | join(', ') if key_columns else 'raw_row' -%}
{%- set newest_first = (latest_by ~ " desc nulls last, " if latest_by else "") ~ "raw_row desc" -%}
copies_numbered as (

    select
        *,
        row_number() over (
            partition by raw_row, quarantine_reason is null
            order by landing_file
        ) as copy_number
    from {{ relation }}

),

versions_marked as (

    select
        *,
        quarantine_reason is null and copy_number = 1 as is_version
    from copies_numbered

),

versions_numbered as (

    select
        *,
        row_number() over (
            partition by {{ partition }}, is_version
            order by {{ newest_first }}
        ) as version_number,
        count(*) over (partition by {{ partition }}, is_version) as versions,
        count(*) over (
            partition by {{ partition }}, is_version
            {{- ", " ~ latest_by if latest_by }}
        ) as equally_late_versions
    from versions_marked

),

settled as (

    select
        {{ faultline.all_columns_except([
            'copy_number', 'is_version', 'version_number', 'versions', 'equally_late_versions',
        ]) }},
        case
            when quarantine_reason is not null then 'quarantined'
            when {{ is_keyed }} and copy_number > 1 then 'duplicate'
            when {{ is_keyed }} and version_number > 1 then 'superseded'
            else 'kept'
        end as row_status,
        case when {{ is_keyed }} and is_version then versions else 1 end as version_count,
        {{ is_keyed }} and is_version and equally_late_versions > 1 as is_version_tie
    from versions_numbered

)
{%- endmacro %}


{# Every column except some, in the engine's spelling. #}
{% macro all_columns_except(columns) -%}
    {{ return(adapter.dispatch('all_columns_except', 'faultline')(columns)) }}
{%- endmacro %}

{% macro default__all_columns_except(columns) -%}
    {{ return("* exclude (" ~ (columns | join(', ')) ~ ")") }}
{%- endmacro %}

{% macro clickzetta__all_columns_except(columns) -%}
    {{ return("* except (" ~ (columns | join(', ')) ~ ")") }}
{%- endmacro %}
