-- Landed rows are counted at the landing, kept rows in the ods table: a row lost on the way between shows.
with landed as (
    {% for table in landing_tables() %}
    select
        {{ sql_text(table) }} as table_name,
        count(*) as landed_rows
    from {{ ref('landing_' ~ table) }}
    {%- if not loop.last %}

    union all
    {% endif -%}
    {% endfor %}

),

kept as (
    {% for table in landing_tables() %}
    select
        {{ sql_text(table) }} as table_name,
        count(*) as kept_rows
    from {{ ref('ods_' ~ table) }}
    {%- if not loop.last %}

    union all
    {% endif -%}
    {% endfor %}

),

set_aside as (
    {% for table in landing_tables() %}
    select
        {{ sql_text(table) }} as table_name,
        coalesce(sum(case when row_status = 'superseded' then 1 else 0 end), 0) as superseded_rows,
        coalesce(sum(case when row_status = 'duplicate' then 1 else 0 end), 0) as duplicate_rows,
        coalesce(sum(case when row_status = 'quarantined' then 1 else 0 end), 0) as quarantined_rows
    from {{ ref('checked_' ~ table) }}
    {%- if not loop.last %}

    union all
    {% endif -%}
    {% endfor %}

)

select
    landed.table_name,
    landed.landed_rows,
    kept.kept_rows,
    cast(set_aside.superseded_rows as {{ dbt.type_bigint() }}) as superseded_rows,
    cast(set_aside.duplicate_rows as {{ dbt.type_bigint() }}) as duplicate_rows,
    cast(set_aside.quarantined_rows as {{ dbt.type_bigint() }}) as quarantined_rows
from landed
inner join kept
    on landed.table_name = kept.table_name
inner join set_aside
    on landed.table_name = set_aside.table_name
