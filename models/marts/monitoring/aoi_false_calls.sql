with inspections as (

    select * from {{ ref('inspections') }}

),

defect_categories as (

    select * from {{ ref('defect_categories') }}

),

-- The camera is measured against people only: the latest review, else the first judgement, never the model.
aoi_judgements as (

    select
        inspections.line_id,
        inspections.local_day,
        inspections.aoi_verdict,
        coalesce(inspections.reviewed_category, inspections.raw_category) as human_category
    from inspections
    where inspections.inspection_source = 'aoi'

),

daily_counts as (

    select
        aoi_judgements.line_id,
        aoi_judgements.local_day,
        count(*) as aoi_inspections,
        cast({{ count_where("aoi_judgements.aoi_verdict = 'suspect'") }} as bigint) as suspects,
        cast({{ count_where("aoi_judgements.aoi_verdict = 'pass'") }} as bigint) as passes,
        cast({{ count_where("aoi_judgements.aoi_verdict = 'suspect' and defect_categories.is_judged") }} as bigint)
            as judged_suspects,
        cast({{ count_where("aoi_judgements.aoi_verdict = 'pass' and defect_categories.is_judged") }} as bigint)
            as judged_passes,
        cast({{ count_where("aoi_judgements.aoi_verdict = 'suspect' and not defect_categories.is_defect "
            ~ "and defect_categories.is_judged") }} as bigint) as false_calls,
        cast(
            {{ count_where("aoi_judgements.aoi_verdict = 'pass' and defect_categories.is_defect") }} as bigint
        ) as escapes
    from aoi_judgements
    left join defect_categories
        on aoi_judgements.human_category = defect_categories.category
    group by
        aoi_judgements.line_id,
        aoi_judgements.local_day

)

select
    line_id,
    local_day,
    aoi_inspections,
    suspects,
    judged_suspects,
    false_calls,
    {{ ratio('false_calls', 'judged_suspects') }} as false_call_share,
    {{ wilson_low('false_calls', 'judged_suspects') }} as false_call_share_low,
    {{ wilson_high('false_calls', 'judged_suspects') }} as false_call_share_high,
    passes,
    judged_passes,
    escapes,
    {{ ratio('escapes', 'judged_passes') }} as escape_share,
    {{ wilson_low('escapes', 'judged_passes') }} as escape_share_low,
    {{ wilson_high('escapes', 'judged_passes') }} as escape_share_high
from daily_counts
