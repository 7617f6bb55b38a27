-- Every landed row is kept, superseded, a duplicate or quarantined, and every table is counted.
select
    table_name,
    landed_rows,
    kept_rows,
    superseded_rows,
    duplicate_rows,
    quarantined_rows
from {{ ref('ods_row_counts') }}
where landed_rows <> kept_rows + superseded_rows + duplicate_rows + quarantined_rows

union all

select
    'tables counted' as table_name,
    count(*) as landed_rows,
    null as kept_rows,
    null as superseded_rows,
    null as duplicate_rows,
    null as quarantined_rows
from {{ ref('ods_row_counts') }}
having count(*) <> {{ landing_tables() | length }}

union all

select
    'quarantined rows' as table_name,
    sum(landed_rows) as landed_rows,
    null as kept_rows,
    null as superseded_rows,
    null as duplicate_rows,
    sum(quarantined_rows) as quarantined_rows
from {{ ref('ods_row_counts') }}
having sum(quarantined_rows) <> (select count(*) from {{ ref('ods_quarantine') }})
