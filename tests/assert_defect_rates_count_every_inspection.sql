-- The hours of defect_rates add up to the inspections, line by line, and no hour counts more than it has.
select
    line_id,
    sum(inspections) as inspections_in_rates,
    sum(judged + reinspect + unresolved) as parts_of_them
from {{ ref('defect_rates') }}
group by line_id
having sum(inspections) <> sum(judged + reinspect + unresolved)

union all

select
    'all lines' as line_id,
    sum(inspections) as inspections_in_rates,
    null as parts_of_them
from {{ ref('defect_rates') }}
having sum(inspections) <> (select count(*) from {{ ref('inspections') }})
