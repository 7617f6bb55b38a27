-- defect_analysis and inspections have each kept inspection exactly once: a join that multiplies or drops rows shows.
select
    kept.inspection_id,
    count(analysed.inspection_id) as analyses,
    count(resolved.inspection_id) as resolved_rows
from {{ ref('ods_defect_inspection_records') }} as kept
left join {{ ref('defect_analysis') }} as analysed
    on kept.inspection_id = analysed.inspection_id
left join {{ ref('inspections') }} as resolved
    on kept.inspection_id = resolved.inspection_id
group by kept.inspection_id
having count(analysed.inspection_id) <> 1 or count(resolved.inspection_id) <> 1

union all

select
    'rows of inspections' as inspection_id,
    count(*) as analyses,
    null as resolved_rows
from {{ ref('inspections') }}
having count(*) <> (select count(*) from {{ ref('ods_defect_inspection_records') }})
