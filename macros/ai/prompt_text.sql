{#
    A prompt template with the row's values in the place of [name]. `values` is a list of (name, text expression);
    the free text of people comes last, so that nothing it contains is taken for a placeholder.
#}
{% macro filled_prompt(template, values) -%}
    {%- set filled = namespace(text=faultline.sql_text(template)) -%}
    {%- for name, expression in values -%}
        {%- set filled.text = "replace(" ~ filled.text ~ ", " ~ faultline.sql_text('[' ~ name ~ ']') ~ ", "
            ~ faultline.prompt_data(expression, may_hold_brackets=loop.last) ~ ")" -%}
    {%- endfor -%}
    {{ return(filled.text) }}
{%- endmacro %}


{#
    Text as data inside a delimited part of a prompt: it cannot close the delimiter, imitate a placeholder or flood the
    prompt (4,000 characters). Unknown = an empty text.
#}
{% macro prompt_data(expression, may_hold_brackets=false) -%}
    {%- set data = namespace(text="coalesce(substr(" ~ expression ~ ", 1, 4000), '')") -%}
    {%- for character, escape in [('&', '&amp;'), ('<', '&lt;'), ('>', '&gt;')] -%}
        {%- set data.text = "replace(" ~ data.text ~ ", '" ~ character ~ "', '" ~ escape ~ "')" -%}
    {%- endfor -%}
    {%- if not may_hold_brackets -%}
        {%- set data.text = "replace(replace(" ~ data.text ~ ", '[', '('), ']', ')')" -%}
    {%- endif -%}
    {{ return(data.text) }}
{%- endmacro %}
