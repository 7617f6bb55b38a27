{# The greater of a value and a bound; a NULL value stays NULL, which `greatest` handles differently from engine to engine. #}
{% macro at_least(value, bound) -%}
    {{ return("(case when " ~ value ~ " < " ~ bound ~ " then " ~ bound ~ " else " ~ value ~ " end)") }}
{%- endmacro %}

{# The smaller of a value and a bound; a NULL value stays NULL. #}
{% macro at_most(value, bound) -%}
    {{ return("(case when " ~ value ~ " > " ~ bound ~ " then " ~ bound ~ " else " ~ value ~ " end)") }}
{%- endmacro %}


{#
    The standard deviation of a point of `sample_size` units: that of one unit divided by the root of the units it averages over.
    Individuals, g and t charts show one value a point, however many lie behind it. NULL for a sample of nothing.
#}
{% macro point_sigma(unit_sigma, sigma_method, sample_size) -%}
    {{ return(
        "(" ~ unit_sigma ~ " / sqrt(case when " ~ sigma_method ~ " in ('binomial', 'poisson', 'range', 'deviation') then nullif("
        ~ sample_size ~ ", 0) else 1.0 end))"
    ) }}
{%- endmacro %}


{# How far a value lies from the level in its sigma, rounded so that a point on a limit is not judged by the last bit of a sum. #}
{% macro standardised_value(value, level, sigma) -%}
    {{ return("round((" ~ value ~ " - " ~ level ~ ") / nullif(" ~ sigma ~ ", 0), 12)") }}
{%- endmacro %}


{# True where a chart type can show that kind of data (defectives, defects, measured, gaps between events). #}
{% macro chart_fits_kind(chart_type, kind) -%}
    {{ return(
        "case " ~ chart_type
        ~ " when 'p' then " ~ kind ~ " = 'defectives' when 'np' then " ~ kind ~ " = 'defectives'"
        ~ " when 'p_prime' then " ~ kind ~ " = 'defectives'"
        ~ " when 'c' then " ~ kind ~ " = 'defects' when 'u' then " ~ kind ~ " = 'defects' when 'u_prime' then " ~ kind ~ " = 'defects'"
        ~ " when 'xbar_r' then " ~ kind ~ " = 'measured' when 'xbar_s' then " ~ kind ~ " = 'measured'"
        ~ " when 'g' then " ~ kind ~ " = 'gaps' when 't' then " ~ kind ~ " = 'gaps'"
        ~ " else " ~ kind ~ " <> 'gaps' end"
    ) }}
{%- endmacro %}


{#
    A charted value in the unit in which people read the chart: np and c charts show counts (a share or rate times the constant
    sample size), t charts hours (charted as t^(1/3.6)). `side` -1 and 1 clip limits to what is possible; 0 clips nothing.
#}
{% macro shown_value(value, chart_type, sigma_method, sample_size, side=0) -%}
    {%- set clipped = "case when " ~ sigma_method ~ " in ('binomial', 'poisson', 'geometric') or " ~ chart_type
        ~ " = 't' then " ~ faultline.at_least(value, "0.0") ~ " else " ~ value ~ " end" if side < 0 else value -%}
    {%- set clipped = "case when " ~ sigma_method ~ " = 'binomial' then " ~ faultline.at_most(value, '1.0') ~ " else " ~ value ~ " end"
        if side > 0 else clipped -%}
    {{ return(
        "case when " ~ chart_type ~ " in ('np', 'c') then (" ~ clipped ~ ") * " ~ sample_size
        ~ " when " ~ chart_type ~ " = 't' then power(" ~ faultline.at_least(value, "0.0") ~ ", 3.6)"
        ~ " else " ~ clipped ~ " end"
    ) }}
{%- endmacro %}
