{# For a ledger: fails on every key (inspection, content, model, prompt version) that has more than one answer. #}
{% test answered_once(model) %}

select
    inspection_id,
    content_key,
    model,
    prompt_version,
    count(*) as answers
from {{ model }}
where state = 'answered'
group by
    inspection_id,
    content_key,
    model,
    prompt_version
having count(*) > 1

{% endtest %}
