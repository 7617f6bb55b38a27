{# Fails on every row whose value lies outside the bounds, both included. NULL passes: ask for it with not_null. #}
{% test between(model, column_name, minimum, maximum) %}

select {{ column_name }}
from {{ model }}
where
    {{ column_name }} < {{ minimum }}
    or {{ column_name }} > {{ maximum }}

{% endtest %}
