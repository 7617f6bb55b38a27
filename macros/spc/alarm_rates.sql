{# How often the step between two neighbours of a stable normal series lies beyond the limit of a moving-range chart. #}
{% macro moving_range_alarm_rate(k) -%}
    {%- set limit = faultline.moving_range_d2() ~ " * (1 + " ~ k ~ " * (" ~ faultline.moving_range_d4() ~ " - 1) / 3)" -%}
    {{ return("(2 * " ~ faultline.normal_tail("(" ~ limit ~ " / sqrt(2))") ~ ")") }}
{%- endmacro %}


{#
    How often one side of a CUSUM that is not reset stands above its decision interval on a stable normal series: the tail of the
    maximum of a random walk, with Siegmund's correction (1979) for the steps that jump over the line.
#}
{% macro cusum_alarm_rate(allowance, decision) -%}
    {{ return("exp(-2 * " ~ allowance ~ " * (" ~ decision ~ " + 0.583))") }}
{%- endmacro %}


{# How often a geometric number of good units with that mean lies above a limit. #}
{% macro gap_alarm_rate(mean_gap, limit) -%}
    {{ return("power(" ~ mean_gap ~ " / (" ~ mean_gap ~ " + 1), floor(" ~ limit ~ ") + 1)") }}
{%- endmacro %}


{#
    How often a geometric number of good units with that mean is greater than a value, half of those equal to it counted with them:
    the halves make its normal quantile average zero. Never so small that the quantile is lost.
#}
{% macro longer_gap_share(gap, mean_gap) -%}
    {%- set good = "(" ~ mean_gap ~ " / (" ~ mean_gap ~ " + 1))" -%}
    {{ return(faultline.at_least("(power(" ~ good ~ ", " ~ gap ~ ") * (1 + " ~ good ~ ") / 2)", "1e-300")) }}
{%- endmacro %}
