{# True where the text matches the RE2 pattern anywhere; NULL text gives NULL. #}
{% macro matches(text, pattern) -%}
    {{ return(adapter.dispatch('matches', 'faultline')(text, pattern)) }}
{%- endmacro %}

{% macro default__matches(text, pattern) -%}
    {{ return("regexp_matches(" ~ text ~ ", " ~ faultline.sql_text(pattern) ~ ")") }}
{%- endmacro %}

{% macro clickzetta__matches(text, pattern) -%}
    {{ return("(" ~ text ~ " rlike " ~ faultline.sql_text(pattern) ~ ")") }}
{%- endmacro %}


{# Every match of the RE2 pattern replaced. #}
{% macro replace_matches(text, pattern, replacement) -%}
    {{ return(adapter.dispatch('replace_matches', 'faultline')(text, pattern, replacement)) }}
{%- endmacro %}

{% macro default__replace_matches(text, pattern, replacement) -%}
    {{ return(
        "regexp_replace(" ~ text ~ ", " ~ faultline.sql_text(pattern) ~ ", " ~ faultline.sql_text(replacement) ~ ", 'g')"
    ) }}
{%- endmacro %}

{% macro clickzetta__replace_matches(text, pattern, replacement) -%}
    {{ return(
        "regexp_replace(" ~ text ~ ", " ~ faultline.sql_text(pattern) ~ ", " ~ faultline.sql_text(replacement) ~ ")"
    ) }}
{%- endmacro %}


{# The first whole match of the RE2 pattern, NULL where there is none. #}
{% macro first_match(text, pattern) -%}
    {{ return(adapter.dispatch('first_match', 'faultline')(text, pattern)) }}
{%- endmacro %}

{# Both engines answer a miss with an empty text; a pattern that matches the empty text is of no use here. #}
{% macro default__first_match(text, pattern) -%}
    {{ return("nullif(regexp_extract(" ~ text ~ ", " ~ faultline.sql_text(pattern) ~ ", 0), '')") }}
{%- endmacro %}


{# Text without white space at its ends, NULL where nothing is left. Knows the wide and non-breaking spaces too. #}
{% macro null_if_blank(text) -%}
    {{ return("nullif(" ~ faultline.replace_matches(text, "^[\\s\\p{Z}]+|[\\s\\p{Z}]+$", "") ~ ", '')") }}
{%- endmacro %}


{#
    The form in which labels are compared: ends trimmed, inner white space made one blank, lower case.
    Nothing else: an underscore, a hyphen or another language is another spelling (seed label_synonyms).
#}
{% macro normalised_label(text) -%}
    {{ return("lower(" ~ faultline.null_if_blank(faultline.replace_matches(text, "[\\s\\p{Z}]+", " ")) ~ ")") }}
{%- endmacro %}


{# Text columns joined to one readable row key, a blank part left empty: 'SMT-1/PCB-1//2026-09-01'. #}
{% macro joined_key(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append("coalesce(" ~ column ~ ", '')") -%}
    {%- endfor -%}
    {{ return("concat(" ~ (parts | join(", '/', ")) ~ ")") }}
{%- endmacro %}
