-- depends_on: one checked_* model for each landing table, see the macro landing_tables
{%- for table in landing_tables() %}
select
    {{ sql_text(table) }} as table_name,
    row_key,
    quarantine_reason as reason,
    raw_row,
    landing_file
from {{ ref('checked_' ~ table) }}
where row_status = 'quarantined'
{%- if not loop.last %}

union all
{% endif -%}
{% endfor %}
