with inspections as (

    select * from {{ ref('inspections') }}

),

root_cause_rules as (

    select * from {{ ref('root_cause_rules') }}

),

root_causes as (

    select * from {{ ref('root_causes') }}

),

defects as (

    select *
    from inspections
    where is_defect

),

-- Each wording is read once, however often it was given.
wordings as (

    select distinct
        ai_root_cause,
        {{ text_fingerprint('ai_root_cause') }} as text_group
    from defects
    where ai_root_cause is not null

),

wordings_matched as (

    select
        wordings.ai_root_cause,
        min(root_cause_rules.rule_order) as rule_order
    from wordings
    inner join root_cause_rules
        on {{ matches_column('lower(wordings.ai_root_cause)', 'root_cause_rules.pattern') }}
    group by wordings.ai_root_cause

),

wordings_coded as (

    select
        wordings.ai_root_cause,
        coalesce(wordings.text_group, lower(wordings.ai_root_cause)) as text_group,
        root_cause_rules.root_cause_code,
        wordings_matched.rule_order
    from wordings
    left join wordings_matched
        on wordings.ai_root_cause = wordings_matched.ai_root_cause
    left join root_cause_rules
        on wordings_matched.rule_order = root_cause_rules.rule_order

),

defects_coded as (

    select
        defects.*,
        wordings_coded.text_group,
        case when defects.ai_root_cause_code is null then wordings_coded.rule_order end as rule_order,
        -- The code the model named itself, else the first rule that knows its words.
        case
            when defects.ai_root_cause_code is not null then defects.ai_root_cause_code
            when defects.ai_root_cause is null then 'NOT-STATED'
            else coalesce(wordings_coded.root_cause_code, 'UNCLASSIFIED')
        end as root_cause_code
    from defects
    left join wordings_coded
        on defects.ai_root_cause = wordings_coded.ai_root_cause

)

select
    defects_coded.inspection_id,
    defects_coded.inspect_time,
    defects_coded.local_day,
    defects_coded.line_id,
    defects_coded.station_id,
    defects_coded.sku_id,
    defects_coded.supplier_id,
    defects_coded.supplier_lot_id,
    defects_coded.category,
    defects_coded.category_source,
    defects_coded.raw_category,
    defects_coded.reviewed_category,
    defects_coded.severity,
    defects_coded.image_path,
    defects_coded.image_state,
    defects_coded.ai_root_cause as root_cause_text,
    defects_coded.text_group,
    defects_coded.rule_order,
    defects_coded.root_cause_code,
    root_causes.six_m,
    root_causes.cause
from defects_coded
left join root_causes
    on defects_coded.root_cause_code = root_causes.root_cause_code
