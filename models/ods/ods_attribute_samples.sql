with checked as (

    select * from {{ ref('checked_attribute_samples') }}

)

select
    sampled_at,
    stream,
    sample_size,
    defectives,
    defects,
    sample_id
from checked
where row_status = 'kept'
