with checked as (

    select * from {{ ref('checked_quality_improvements') }}

)

select
    improvement_id,
    line_id,
    started_on,
    description,
    investment,
    currency,
    version_count,
    is_version_tie
from checked
where row_status = 'kept'
