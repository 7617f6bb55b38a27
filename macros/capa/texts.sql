{#
    What near-identical texts have in common: words in lower case without figures and punctuation, a plural s dropped,
    filler words left out, each word once and in alphabetical order. "Worn nozzle #3." and "the nozzles worn" agree.
    Misspelt words do not. NULL where no word is left.
#}
{% macro text_fingerprint(text) -%}
    {%- set words = faultline.replace_matches("lower(" ~ text ~ ")", "[^\\p{L}]+", " ") -%}
    {%- set content = faultline.replace_matches(
        "concat(' ', replace(trim(" ~ words ~ "), ' ', '  '), ' ')",
        " (the|a|an|of|in|on|at|by|to|from|for|and|or|is|are|was|with|this|that|der|die|das|ein|eine|im|am|von|und) ",
        " "
    ) -%}
    {%- set singular = faultline.replace_matches("concat(" ~ content ~ ", ' ')", "([\\p{L}]{3,}[^s\\P{L}])s ", faultline.first_group() ~ " ") -%}
    {{ return("nullif(" ~ faultline.words_once_in_order(faultline.replace_matches("trim(" ~ singular ~ ")", " +", " ")) ~ ", '')") }}
{%- endmacro %}


{# How a replacement names the first group of its pattern. #}
{% macro first_group() -%}
    {{ return(adapter.dispatch('first_group', 'faultline')()) }}
{%- endmacro %}

{% macro default__first_group() -%}
    {{ return("\\1") }}
{%- endmacro %}

{% macro clickzetta__first_group() -%}
    {{ return("$1") }}
{%- endmacro %}


{# The words of a text parted by single blanks: each once, in alphabetical order. #}
{% macro words_once_in_order(text) -%}
    {{ return(adapter.dispatch('words_once_in_order', 'faultline')(text)) }}
{%- endmacro %}

{% macro default__words_once_in_order(text) -%}
    {{ return("array_to_string(list_sort(list_distinct(string_split(" ~ text ~ ", ' '))), ' ')") }}
{%- endmacro %}

{% macro clickzetta__words_once_in_order(text) -%}
    {{ return("array_join(array_sort(array_distinct(split(" ~ text ~ ", ' '))), ' ')") }}
{%- endmacro %}


{# True where a text matches the RE2 pattern that stands in a column. #}
{% macro matches_column(text, pattern_column) -%}
    {{ return(adapter.dispatch('matches_column', 'faultline')(text, pattern_column)) }}
{%- endmacro %}

{% macro default__matches_column(text, pattern_column) -%}
    {{ return("regexp_matches(" ~ text ~ ", " ~ pattern_column ~ ")") }}
{%- endmacro %}

{% macro clickzetta__matches_column(text, pattern_column) -%}
    {{ return("(" ~ text ~ " rlike " ~ pattern_column ~ ")") }}
{%- endmacro %}


{# Full days between two dates, the later one second. #}
{% macro days_between(earlier, later) -%}
    {{ return(dbt.datediff(earlier, later, 'day')) }}
{%- endmacro %}


{# A date a number of days later; the number may be a column. #}
{% macro days_later(day, days) -%}
    {{ return("cast(" ~ dbt.dateadd('day', days, day) ~ " as date)") }}
{%- endmacro %}


{# The first day of the month of a date. #}
{% macro month_of(day) -%}
    {{ return("cast(" ~ dbt.date_trunc('month', day) ~ " as date)") }}
{%- endmacro %}


{# A date a number of months later; the number may be a column. #}
{% macro months_later(day, months) -%}
    {{ return("cast(" ~ dbt.dateadd('month', months, day) ~ " as date)") }}
{%- endmacro %}


{# One row per whole number from 0 to 999, as column n. #}
{% macro thousand_numbers() -%}
    select cast(hundreds.digit * 100 + tens.digit * 10 + units.digit as {{ dbt.type_int() }}) as n
    from ({{ faultline.ten_digits() }}) as hundreds
    cross join ({{ faultline.ten_digits() }}) as tens
    cross join ({{ faultline.ten_digits() }}) as units
{%- endmacro %}

{% macro ten_digits() -%}
    select 0 as digit
    {%- for digit in range(1, 10) %}
    union all select {{ digit }}
    {%- endfor %}
{%- endmacro %}


{#
    Bounds of the difference of two independent shares, after minus before, at 95 % (Newcombe 1998, method 10: the two
    Wilson intervals combined). NULL where either side has no trial.
#}
{% macro newcombe_low(after_successes, after_trials, before_successes, before_trials) -%}
    {{ return(faultline.newcombe_bound(after_successes, after_trials, before_successes, before_trials, '-')) }}
{%- endmacro %}

{% macro newcombe_high(after_successes, after_trials, before_successes, before_trials) -%}
    {{ return(faultline.newcombe_bound(after_successes, after_trials, before_successes, before_trials, '+')) }}
{%- endmacro %}

{% macro newcombe_bound(after_successes, after_trials, before_successes, before_trials, sign) -%}
    {%- set after = faultline.ratio(after_successes, after_trials) -%}
    {%- set before = faultline.ratio(before_successes, before_trials) -%}
    {%- if sign == '-' -%}
        {%- set after_gap = "(" ~ after ~ " - " ~ faultline.wilson_low(after_successes, after_trials) ~ ")" -%}
        {%- set before_gap = "(" ~ faultline.wilson_high(before_successes, before_trials) ~ " - " ~ before ~ ")" -%}
    {%- else -%}
        {%- set after_gap = "(" ~ faultline.wilson_high(after_successes, after_trials) ~ " - " ~ after ~ ")" -%}
        {%- set before_gap = "(" ~ before ~ " - " ~ faultline.wilson_low(before_successes, before_trials) ~ ")" -%}
    {%- endif -%}
    {{ return(
        "(" ~ after ~ " - " ~ before ~ " " ~ sign ~ " sqrt(" ~ after_gap ~ " * " ~ after_gap ~ " + "
        ~ before_gap ~ " * " ~ before_gap ~ "))"
    ) }}
{%- endmacro %}
