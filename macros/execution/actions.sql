{# The stable key of one action sent to the MES: `fl1-` and the MD5 of `<kind>|<subject id>`. #}
{% macro action_key(kind, subject_id) -%}
    {{ return("concat('fl1-', " ~ dbt.hash("concat(" ~ kind ~ ", '|', " ~ subject_id ~ ")") ~ ")") }}
{%- endmacro %}


{# The kinds of action that stop or free a line; all others are about one inspected part. #}
{% macro line_action_kinds() -%}
    {{ return(['pause_line', 'release_line']) }}
{%- endmacro %}
