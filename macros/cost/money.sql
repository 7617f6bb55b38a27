{# One of the cost_rates, as a column of the relation that line_cost_rates is joined as. #}
{% macro cost_rate_names() -%}
    {{ return([
        'inspection_minutes_manual',
        'inspection_minutes_aoi',
        'reinspection_minutes',
        'audit_minutes',
        'labour_per_minute',
        'downtime_per_minute',
    ]) }}
{%- endmacro %}


{#
    CTEs that turn amounts into the reporting currency: `relation` with the columns currency, amount and a date `day`
    becomes `converted`, with original_currency, original_amount, currency and amount. The rate is the latest one valid
    on the day. A currency without a rate stays as it is: it is shown apart and never added to another.
#}
{% macro convert_currency(relation, day) -%}
rates_dated as (

    select
        currency as rate_currency,
        valid_from,
        lead(valid_from) over (
            partition by currency
            order by valid_from
        ) as valid_until,
        rate
    from {{ ref('currency_rates') }}
    where reporting_currency = {{ faultline.sql_text(var('reporting_currency')) }}

),

converted as (

    select
        {{ faultline.qualified_columns_except(relation, ['currency', 'amount']) }},
        {{ relation }}.currency as original_currency,
        {{ relation }}.amount as original_amount,
        case
            when rates_dated.rate is not null then {{ faultline.sql_text(var('reporting_currency')) }}
            else {{ relation }}.currency
        end as currency,
        {{ relation }}.amount * coalesce(rates_dated.rate, 1) as amount
    from {{ relation }}
    left join rates_dated
        on
            {{ relation }}.currency = rates_dated.rate_currency
            and {{ relation }}.currency <> {{ faultline.sql_text(var('reporting_currency')) }}
            and {{ relation }}.{{ day }} >= rates_dated.valid_from
            and ({{ relation }}.{{ day }} < rates_dated.valid_until or rates_dated.valid_until is null)

)
{%- endmacro %}


{# Every column of one relation except some, in the engine's spelling. #}
{% macro qualified_columns_except(relation, columns) -%}
    {{ return(relation ~ "." ~ faultline.all_columns_except(columns)) }}
{%- endmacro %}
