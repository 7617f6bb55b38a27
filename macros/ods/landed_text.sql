{# True where the landed text of a column was missing or blank: tells an empty value from one that could not be read. #}
{% macro landed_blank(column) -%}
    {{ return("(" ~ faultline.null_if_blank(faultline.json_value('raw_row', column)) ~ " is null)") }}
{%- endmacro %}


{#
    A relative path inside the image root, NULL for anything else: absolute paths, drive letters, URL schemes, `..`,
    backslashes and control characters. Whoever follows the path need not ask again.
#}
{% macro safe_image_path(text) -%}
    {%- set path = faultline.null_if_blank(text) -%}
    {{ return(
        "case when " ~ faultline.matches(path, "[[:cntrl:]\\\\:]") ~ " then null"
        ~ " when " ~ faultline.matches(path, "^/|^~|(^|/)\\.\\.(/|$)") ~ " then null"
        ~ " else " ~ path ~ " end"
    ) }}
{%- endmacro %}
