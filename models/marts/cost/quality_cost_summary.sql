{{ config(contract=public_contract()) }}

{%- set dimensions = {
    'plant': "'all'",
    'line': 'line_id',
    'sku': 'sku_id',
    'item': "concat(cost_category, ': ', cost_item)",
} -%}
{%- set levels = {
    'prevention': ['prevention'],
    'appraisal': ['appraisal'],
    'internal_failure': ['internal_failure'],
    'external_failure': ['external_failure'],
    'poor_quality': ['internal_failure', 'external_failure'],
    'all_quality': ['prevention', 'appraisal', 'internal_failure', 'external_failure'],
} -%}
with quality_costs as (

    select *
    from {{ ref('quality_costs') }}
    where is_counted

),

net_sales as (

    select
        {{ month_of('sales_month') }} as sales_day,
        sku_id,
        amount,
        currency
    from {{ ref('ods_net_sales') }}

),

budgets as (

    select
        {{ month_of('budget_month') }} as budget_month,
        cost_category,
        amount,
        currency
    from {{ ref('quality_cost_budget') }}

),

{{ convert_currency('net_sales', 'sales_day') }},

sales_by_member as (

    select
        'plant' as dimension,
        'all' as member,
        sales_day as cost_month,
        currency,
        sum(amount) as net_sales
    from converted
    group by
        sales_day,
        currency
    union all
    select
        'sku' as dimension,
        sku_id as member,
        sales_day as cost_month,
        currency,
        sum(amount) as net_sales
    from converted
    group by
        sku_id,
        sales_day,
        currency

),

costs_by_member as (
    {% for dimension, member in dimensions.items() %}
    select
        {{ sql_text(dimension) }} as dimension,
        coalesce({{ member }}, 'not assigned') as member,
        cost_month,
        currency,
        cost_category,
        cost_origin,
        amount,
        events,
        unpriced_events
    from quality_costs
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

totals as (
    {% for level, categories in levels.items() %}
    select
        dimension,
        member,
        cost_month,
        currency,
        {{ sql_text(level) }} as cost_level,
        sum(amount) as amount,
        sum(case when cost_origin = 'derived' then amount end) as derived_amount,
        sum(case when cost_origin = 'booked' then amount end) as booked_amount,
        sum(events) as events,
        sum(unpriced_events) as unpriced_events,
        count(distinct cost_category) = {{ categories | length }} as has_all_categories
    from costs_by_member
    where cost_category in ({{ sql_text_list(categories) }})
    group by
        dimension,
        member,
        cost_month,
        currency
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

budgets_by_level as (
    {% for level, categories in levels.items() %}
    select
        budget_month,
        currency,
        {{ sql_text(level) }} as cost_level,
        sum(amount) as budget
    from budgets
    where cost_category in ({{ sql_text_list(categories) }})
    group by
        budget_month,
        currency
    having count(distinct cost_category) = {{ categories | length }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select
    totals.dimension,
    totals.member,
    totals.cost_month,
    totals.currency,
    totals.cost_level,
    totals.amount,
    totals.derived_amount,
    totals.booked_amount,
    cast(totals.events as {{ dbt.type_bigint() }}) as events,
    cast(totals.unpriced_events as {{ dbt.type_bigint() }}) as unpriced_events,
    totals.has_all_categories,
    sales_by_member.net_sales,
    {{ ratio('totals.amount', 'sales_by_member.net_sales') }} as share_of_net_sales,
    {{ ratio('totals.amount', 'all_quality.amount') }} as share_of_quality_cost,
    prior_month.amount as prior_month_amount,
    totals.amount - prior_month.amount as change_on_prior_month,
    case
        when prior_month.amount is null then null
        else
            (totals.derived_amount is null) = (prior_month.derived_amount is null)
            and (totals.booked_amount is null) = (prior_month.booked_amount is null)
    end as is_prior_month_comparable,
    budgets_by_level.budget,
    totals.amount - budgets_by_level.budget as over_budget
from totals
left join totals as all_quality
    on
        totals.dimension = all_quality.dimension
        and totals.member = all_quality.member
        and totals.cost_month = all_quality.cost_month
        and totals.currency = all_quality.currency
        and all_quality.cost_level = 'all_quality'
left join totals as prior_month
    on
        totals.dimension = prior_month.dimension
        and totals.member = prior_month.member
        and totals.currency = prior_month.currency
        and totals.cost_level = prior_month.cost_level
        and {{ months_later('totals.cost_month', -1) }} = prior_month.cost_month
left join sales_by_member
    on
        totals.dimension = sales_by_member.dimension
        and totals.member = sales_by_member.member
        and totals.cost_month = sales_by_member.cost_month
        and totals.currency = sales_by_member.currency
left join budgets_by_level
    on
        totals.dimension = 'plant'
        and totals.cost_month = budgets_by_level.budget_month
        and totals.currency = budgets_by_level.currency
        and totals.cost_level = budgets_by_level.cost_level
