with checked as (

    select * from {{ ref('checked_quality_cost_entries') }}

)

select
    entry_id,
    booked_on,
    line_id,
    sku_id,
    cost_category,
    cost_item,
    amount,
    currency,
    version_count,
    is_version_tie
from checked
where row_status = 'kept'
