-- A threshold that is missing is NULL, and a comparison with NULL decides nothing: the line stop would be off without
-- a word.
with thresholds as (

    select * from {{ ref('thresholds') }}

),

needed as (
{% for name in line_stop_thresholds() + [
    'overdispersion_significance',
    'rebaseline_minimum_points',
    'rebaseline_allowance',
    'rebaseline_decision',
    'capability_minimum_values',
    'opportunities_per_unit',
    'sigma_shift',
] %}
    select {{ sql_text(name) }} as name
    {%- if not loop.last %}
    union all
    {%- endif %}
    {% endfor %}
)

select needed.name
from needed
left join thresholds
    on needed.name = thresholds.name
where thresholds.value is null
