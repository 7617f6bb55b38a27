{#
    Fails on every combination of the columns that stands in more than one row. NULL counts as a value, so that a
    missing part of a key cannot hide a double row.
#}
{% test unique_combination(model, columns) %}

select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1

{% endtest %}
