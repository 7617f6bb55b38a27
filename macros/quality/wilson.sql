{#
    Bounds of the Wilson score interval (Wilson 1927) of a share `successes / trials` at 95 % (z = 1.959963984540054), exact also
    at 0 and at all of them. NULL where there is no trial, or where the successes are not known (`greatest` would make that 0).
#}
{% macro wilson_low(successes, trials) -%}
    {{ return(faultline.wilson_bound(successes, trials, '-')) }}
{%- endmacro %}

{% macro wilson_high(successes, trials) -%}
    {{ return(faultline.wilson_bound(successes, trials, '+')) }}
{%- endmacro %}

{# The same at any width: z is a number or a column. #}
{% macro wilson_bound(successes, trials, sign, z='1.959963984540054') -%}
    {%- set n = "cast(" ~ trials ~ " as double)" -%}
    {%- set p = "(" ~ successes ~ " / " ~ n ~ ")" -%}
    {%- set centre = "(" ~ p ~ " + " ~ z ~ " * " ~ z ~ " / (2 * " ~ n ~ "))" -%}
    {%- set spread = z ~ " * sqrt(greatest(0.0, " ~ p ~ " * (1 - " ~ p ~ ") / " ~ n ~ " + " ~ z ~ " * " ~ z ~ " / (4 * " ~ n ~ " * " ~ n ~ ")))" -%}
    {{ return(
        "case when " ~ trials ~ " > 0 and " ~ successes ~ " is not null then least(1.0, greatest(0.0, (" ~ centre ~ " " ~ sign ~ " " ~ spread
        ~ ") / (1 + " ~ z ~ " * " ~ z ~ " / " ~ n ~ "))) end"
    ) }}
{%- endmacro %}


{# numerator / denominator as a double, NULL for a denominator of 0 or NULL. #}
{% macro ratio(numerator, denominator) -%}
    {{ return("cast(" ~ numerator ~ " as double) / nullif(" ~ denominator ~ ", 0)") }}
{%- endmacro %}


{# The number of rows for which a condition is true, 0 for none. #}
{% macro count_where(condition) -%}
    {{ return("coalesce(sum(case when " ~ condition ~ " then 1 else 0 end), 0)") }}
{%- endmacro %}
