{{ config(contract=public_contract()) }}

with improvements as (

    select * from {{ ref('ods_quality_improvements') }}

),

inspections as (

    select * from {{ ref('inspections') }}

),

failure_costs as (

    select * from {{ ref('failure_costs') }}

),

thresholds as (

    select
        max(case when threshold = 'improvement_days' then value end) as improvement_days,
        max(case when threshold = 'improvement_min_days' then value end) as improvement_min_days
    from {{ ref('capa_thresholds') }}

),

daily_inspections as (

    select
        line_id,
        local_day,
        cast({{ count_where('is_judged') }} as bigint) as judged,
        cast({{ count_where('is_defect') }} as bigint) as defects
    from inspections
    group by
        line_id,
        local_day

),

daily_costs as (

    select
        line_id,
        cost_day,
        sum(amount) as amount
    from failure_costs
    group by
        line_id,
        cost_day

),

-- A day with inspections and without failures cost nothing; a day without inspections says nothing.
days_compared as (

    select
        improvements.improvement_id,
        daily_inspections.local_day >= improvements.started_on as is_after,
        daily_inspections.judged,
        daily_inspections.defects,
        coalesce(daily_costs.amount, 0) as amount
    from improvements
    cross join thresholds
    inner join daily_inspections
        on
            improvements.line_id = daily_inspections.line_id
            and abs({{ days_between('improvements.started_on', 'daily_inspections.local_day') }})
            <= thresholds.improvement_days
            and {{ days_between('improvements.started_on', 'daily_inspections.local_day') }} < thresholds.improvement_days
    left join daily_costs
        on
            daily_inspections.line_id = daily_costs.line_id
            and daily_inspections.local_day = daily_costs.cost_day

),

sides as (

    select
        improvement_id,
        count(case when not is_after then 1 end) as days_before,
        count(case when is_after then 1 end) as days_after,
        sum(case when not is_after then judged end) as judged_before,
        sum(case when is_after then judged end) as judged_after,
        sum(case when not is_after then defects end) as defects_before,
        sum(case when is_after then defects end) as defects_after,
        avg(case when not is_after then amount end) as daily_cost_before,
        avg(case when is_after then amount end) as daily_cost_after,
        var_samp(case when not is_after then amount end) as daily_variance_before,
        var_samp(case when is_after then amount end) as daily_variance_after
    from days_compared
    group by improvement_id

),

savings as (

    select
        improvements.improvement_id,
        improvements.line_id,
        improvements.started_on,
        improvements.investment,
        improvements.currency as investment_currency,
        sides.days_before,
        sides.days_after,
        sides.judged_before,
        sides.judged_after,
        sides.defects_before,
        sides.defects_after,
        sides.daily_cost_before,
        sides.daily_cost_after,
        sides.daily_cost_before - sides.daily_cost_after as daily_saving,
        case
            when
                sides.days_before >= thresholds.improvement_min_days
                and sides.days_after >= thresholds.improvement_min_days
                then
                    1.959964 * sqrt(
                        sides.daily_variance_before / sides.days_before + sides.daily_variance_after / sides.days_after
                    )
        end as daily_saving_margin
    from improvements
    cross join thresholds
    left join sides
        on improvements.improvement_id = sides.improvement_id

)

select
    savings.improvement_id,
    savings.line_id,
    savings.started_on,
    savings.days_before,
    savings.days_after,
    cast(savings.judged_before as {{ dbt.type_bigint() }}) as judged_before,
    cast(savings.defects_before as {{ dbt.type_bigint() }}) as defects_before,
    cast(savings.judged_after as {{ dbt.type_bigint() }}) as judged_after,
    cast(savings.defects_after as {{ dbt.type_bigint() }}) as defects_after,
    {{ ratio('savings.defects_before', 'savings.judged_before') }} as defect_rate_before,
    {{ ratio('savings.defects_after', 'savings.judged_after') }} as defect_rate_after,
    {{ newcombe_low('savings.defects_after', 'savings.judged_after', 'savings.defects_before', 'savings.judged_before') }}
        as defect_rate_change_low,
    {{ newcombe_high('savings.defects_after', 'savings.judged_after', 'savings.defects_before', 'savings.judged_before') }}
        as defect_rate_change_high,
    {{ sql_text(var('plant_currency')) }} as currency,
    savings.daily_cost_before,
    savings.daily_cost_after,
    savings.daily_saving,
    savings.daily_saving - savings.daily_saving_margin as daily_saving_low,
    savings.daily_saving + savings.daily_saving_margin as daily_saving_high,
    savings.daily_saving * savings.days_after as saving_so_far,
    savings.investment,
    savings.investment_currency,
    case
        when savings.investment_currency = {{ sql_text(var('plant_currency')) }}
            then {{ ratio('savings.daily_saving * savings.days_after - savings.investment', 'savings.investment') }}
    end as return_so_far,
    case
        when savings.investment_currency = {{ sql_text(var('plant_currency')) }} and savings.daily_saving > 0
            then savings.investment / savings.daily_saving
    end as payback_days
from savings
