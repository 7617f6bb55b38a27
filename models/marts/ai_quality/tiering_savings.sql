{#- Money as the ledger has it; a call that was avoided is priced like the mean call of its step. -#}
with inspections as (

    select
        inspection_id,
        {{ plant_day('inspect_time') }} as local_day,
        -- A picture that is gone by now counts where it was asked about: its calls were made.
        image_state = 'readable' or classify_state <> 'no_image' as has_picture,
        severity,
        tier,
        classify_state,
        extract_state,
        diagnose_state
    from {{ ref('defect_analysis') }}

),

inspections_with_words as (

    select inspection_id
    from {{ ref('ods_defect_inspection_records') }}
    where {{ null_if_blank('description') }} is not null

),

-- Without a tier every inspection with a picture or words would be diagnosed; classify and extract look at every
-- readable picture either way.
step_candidates as (

    select
        'classify' as step,
        inspection_id,
        local_day,
        classify_state as state,
        severity,
        'in_tier' as tier
    from inspections
    where has_picture

    union all

    select
        'extract' as step,
        inspection_id,
        local_day,
        extract_state as state,
        severity,
        'in_tier' as tier
    from inspections
    where has_picture

    union all

    select
        'diagnose' as step,
        inspections.inspection_id,
        inspections.local_day,
        inspections.diagnose_state as state,
        inspections.severity,
        inspections.tier
    from inspections
    left join inspections_with_words
        on inspections.inspection_id = inspections_with_words.inspection_id
    where
        inspections.has_picture
        or inspections_with_words.inspection_id is not null
        or inspections.tier = 'in_tier'

),

calls as (
    {% for step in ai_steps() %}
    select
        step,
        inspection_id,
        cost,
        currency
    from {{ ref('ai_' ~ step ~ '_calls') }}
    {%- if not loop.last %}

    union all
    {% endif -%}
    {% endfor %}

),

calls_by_inspection as (

    select
        step,
        inspection_id,
        count(*) as calls_made,
        sum(cost) as cost_made
    from calls
    group by
        step,
        inspection_id

),

cost_per_call as (

    select
        step,
        avg(cost) as average_cost,
        max(currency) as currency
    from calls
    group by step

)

select
    step_candidates.step,
    step_candidates.local_day,
    count(*) as candidates,
    cast({{ count_where("step_candidates.tier = 'in_tier'") }} as bigint) as needed,
    cast({{ count_where("step_candidates.tier = 'below_tier'") }} as bigint) as avoided,
    cast({{ count_where("step_candidates.tier = 'below_tier' and step_candidates.severity <> 'No Defect'") }} as bigint)
        as avoided_defects,
    cast({{ count_where("step_candidates.tier = 'undecided'") }} as bigint) as undecided,
    cast({{ count_where("step_candidates.state = 'pending'") }} as bigint) as pending,
    cast(coalesce(sum(calls_by_inspection.calls_made), 0) as bigint) as calls_made,
    {{ ratio(count_where("step_candidates.tier = 'below_tier'"), 'count(*)') }} as avoided_share,
    sum(calls_by_inspection.cost_made) as cost_made,
    {{ count_where("step_candidates.tier = 'below_tier'") }} * max(cost_per_call.average_cost) as cost_avoided,
    max(cost_per_call.currency) as currency
from step_candidates
left join calls_by_inspection
    on
        step_candidates.step = calls_by_inspection.step
        and step_candidates.inspection_id = calls_by_inspection.inspection_id
left join cost_per_call
    on step_candidates.step = cost_per_call.step
group by
    step_candidates.step,
    step_candidates.local_day
