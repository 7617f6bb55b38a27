with cost_rates as (

    select * from {{ ref('cost_rates') }}

),

inspections as (

    select * from {{ ref('inspections') }}

),

lines_known as (

    select line_id from {{ ref('ods_lines') }}
    union
    select line_id from inspections

)

-- The loop leaves no indentation that the linter would not call wrong.
-- noqa: disable=LT02
select
    lines_known.line_id,
    {%- for rate in cost_rate_names() %}
    coalesce(
        max(
            case
                when cost_rates.line_id = lines_known.line_id and cost_rates.rate_name = '{{ rate }}'
                    then cost_rates.value
            end
        ),
        max(case when cost_rates.line_id is null and cost_rates.rate_name = '{{ rate }}' then cost_rates.value end)
    ) as {{ rate }}
    {%- if not loop.last %},
    {% endif -%}
    {%- endfor %}
from lines_known
left join cost_rates
    on lines_known.line_id = cost_rates.line_id or cost_rates.line_id is null
group by lines_known.line_id
