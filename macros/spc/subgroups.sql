{#
    The production day: the plant's calendar day, begun at a local hour, that of the var production_day_start_hour unless another is
    given. Hours are taken off the plant's clock and not off the time, which on the days of a clock change has one more or less.
#}
{% macro production_day(utc_time, start_hour=none) -%}
    {%- set hour = start_hour if start_hour is not none else var('production_day_start_hour') -%}
    {{ return("cast(" ~ faultline.seconds_later(faultline.plant_time(utc_time), -3600 * (hour | int)) ~ " as date)") }}
{%- endmacro %}


{# The shift by the plant's clock: the one of the var shift_start_hours that began last; before the first, the night shift. #}
{% macro production_shift(utc_time) -%}
    {%- set latest_first = var('shift_start_hours') | dictsort(by='value', reverse=true) -%}
    {%- set cases = [] -%}
    {%- for shift, hour in latest_first -%}
        {%- do cases.append(
            "when extract(hour from " ~ faultline.plant_time(utc_time) ~ ") >= " ~ hour | int ~ " then " ~ faultline.sql_text(shift | string)
        ) -%}
    {%- endfor -%}
    {{ return("case " ~ cases | join(' ') ~ " else " ~ faultline.sql_text(latest_first[0][0] | string) ~ " end") }}
{%- endmacro %}


{#
    The hour, day or shift a time falls into, by the plant's clock; NULL for subgroups that are no periods. The day of a shift begins with
    the first shift, whatever production_day_start_hour says: else a night shift would be cut in two, and each part joined to another.
#}
{% macro period_of(utc_time, subgroup) -%}
    {%- set first_shift_hour = var('shift_start_hours').values() | map('int') | min -%}
    {{ return(
        "case " ~ subgroup
        ~ " when 'hour' then cast(" ~ faultline.plant_hour_start(utc_time) ~ " as " ~ dbt.type_string() ~ ")"
        ~ " when 'day' then cast(" ~ faultline.plant_day(utc_time) ~ " as " ~ dbt.type_string() ~ ")"
        ~ " when 'shift' then concat(cast(" ~ faultline.production_day(utc_time, first_shift_hour) ~ " as " ~ dbt.type_string() ~ "), ' ', "
        ~ faultline.production_shift(utc_time) ~ ") end"
    ) }}
{%- endmacro %}


{# The moment of a row; a second row of the same moment gets a number. #}
{% macro moment_key(utc_time, row_in_moment) -%}
    {%- set moment = "cast(" ~ utc_time ~ " as " ~ dbt.type_string() ~ ")" -%}
    {{ return(
        "case when " ~ row_in_moment ~ " = 1 then " ~ moment ~ " else concat(" ~ moment ~ ", ' #', cast(" ~ row_in_moment ~ " as "
        ~ dbt.type_string() ~ ")) end"
    ) }}
{%- endmacro %}


{#
    What tells the samples of rows without a period apart: a number for fixed counts of rows, else the moment. Needs subgroup,
    subgroup_size, row_in_stream and row_in_moment beside the time.
#}
{% macro row_key(utc_time) -%}
    {%- set number = "cast(floor((row_in_stream - 1) / cast(subgroup_size as " ~ faultline.type_double() ~ ")) as bigint)" -%}
    {{ return(
        "case when subgroup = 'count' then concat('#', cast(" ~ number ~ " as " ~ dbt.type_string() ~ ")) else "
        ~ faultline.moment_key(utc_time, 'row_in_moment') ~ " end"
    ) }}
{%- endmacro %}
