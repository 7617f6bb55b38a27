with inspections as (

    select * from {{ ref('inspections') }}

),

severity_rules as (

    select * from {{ ref('severity_rules') }}

),

release_hours as (

    select * from {{ ref('line_stop_release_hours') }}

),

-- A severity that follows from a size or a count is the model's, even where a person named the category.
rules_on_figures_of_the_model as (

    select distinct rule_order
    from severity_rules
    where min_area_ratio is not null or min_defect_count is not null

),

judged as (

    select
        inspections.inspection_id,
        inspections.line_id,
        inspections.plant_hour,
        {{ hour_number('inspections.plant_hour') }} as hour_number,
        inspections.inspect_time,
        {{ rests_on_ai_alone() }} as is_ai_alone,
        inspections.is_defect and coalesce(inspections.severity = 'Critical', false) as is_critical,
        inspections.severity_source = 'rule'
        and rules_on_figures_of_the_model.rule_order is not null as is_severity_of_the_model
    from inspections
    left join rules_on_figures_of_the_model
        on inspections.severity_rule = rules_on_figures_of_the_model.rule_order
    where inspections.is_judged

)

select
    judged.inspection_id,
    judged.line_id,
    judged.plant_hour,
    judged.hour_number,
    judged.inspect_time,
    judged.is_ai_alone,
    judged.is_critical,
    judged.is_critical
    and (judged.is_ai_alone or coalesce(judged.is_severity_of_the_model, false)) as is_critical_by_ai_alone
from judged
-- Who releases a line vouches for it: what was seen before counts no longer.
left join release_hours
    on
        judged.line_id = release_hours.line_id
        and judged.hour_number = release_hours.hour_number
where
    release_hours.released_at is null
    or judged.inspect_time > release_hours.released_at
