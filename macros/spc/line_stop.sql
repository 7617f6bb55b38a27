{# The thresholds a line stop is decided by. #}
{% macro line_stop_thresholds() -%}
    {{ return([
        'line_stop_window_hours',
        'line_stop_minimum_inspections',
        'line_stop_rate',
        'line_stop_release_rate',
        'line_stop_confidence_z',
        'line_stop_hold_hours',
        'line_stop_chart_minimum_expected',
        'line_stop_agreement_floor',
        'line_stop_agreement_minimum_reviews',
        'line_stop_agreement_days',
    ]) }}
{%- endmacro %}


{# A UTC time as the number of its hour since 2000; hours in a row have numbers in a row. #}
{% macro hour_number(utc_time) -%}
    {{ return(dbt.datediff("cast('2000-01-01 00:00:00' as " ~ dbt.type_timestamp() ~ ")", utc_time, 'hour')) }}
{%- endmacro %}


{# True for a judgement that no person has made: the category is the model's, and no person named the same. #}
{% macro rests_on_ai_alone() -%}
    {{ return("coalesce(category_source = 'ai' and (raw_category is null or raw_category <> category), false)") }}
{%- endmacro %}


{# Why a line was paused, in one sentence with its figures. #}
{% macro line_stop_reason(hours) -%}
    {%- set text = dbt.type_string() -%}
    case {{ hours }}.trigger_kind
            when 'rate' then concat(
                cast({{ hours }}.critical_defects as {{ text }}), ' critical defects of ',
                cast({{ hours }}.inspections as {{ text }}), ' inspections in ',
                cast(cast({{ hours }}.window_hours as bigint) as {{ text }}), ' h: at least ',
                cast(round(100 * {{ hours }}.critical_rate_lower_bound, 2) as {{ text }}), ' %, more than ',
                cast(round(100 * {{ hours }}.stop_rate, 2) as {{ text }}), ' %'
            )
            else concat(
                'critical-defect chart: ', cast(round(100 * {{ hours }}.chart_value, 2) as {{ text }}),
                ' % above its upper control limit of ', cast(round(100 * {{ hours }}.chart_ucl, 2) as {{ text }}), ' %'
            )
        end
{%- endmacro %}
