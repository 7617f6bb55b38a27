{# The value of a dimension where a chart splits by it, else NULL. `split_by` names dimensions apart by blanks. #}
{% macro split_dimension(column, split_by, dimension) -%}
    {{ return(
        "case when concat(' ', coalesce(" ~ split_by ~ ", ''), ' ') like '% " ~ dimension ~ " %' then coalesce("
        ~ column ~ ", '(none)') end"
    ) }}
{%- endmacro %}


{# Parts of a stream name joined by slashes, NULL parts left out: SMT-1/PCB-A/solder_paste_height; 'all' for no part. #}
{% macro stream_name(parts) -%}
    {%- set pieces = [] -%}
    {%- for part in parts -%}
        {%- do pieces.append("case when " ~ part ~ " is null then '' else concat('/', " ~ part ~ ") end") -%}
    {%- endfor -%}
    {{ return("coalesce(nullif(substr(concat(" ~ (pieces | join(', ')) ~ "), 2), ''), 'all')") }}
{%- endmacro %}


{#
    Keeps the rows of `rows` whose chart applies to their stream: the chart names the stream, or it names none and no other
    row of the seed with the same source does. So a row that names a stream, even a disabled one, replaces the default chart.
    Needs chart_stream (spc_charts.stream), source and stream in `rows`; named_streams has one row per source and stream.
#}
{% macro charted_rows(rows, named_streams) -%}
    select {{ rows }}.*
    from {{ rows }}
    left join {{ named_streams }}
        on
            {{ rows }}.source = {{ named_streams }}.source
            and {{ rows }}.stream = {{ named_streams }}.stream
    where
        {{ rows }}.chart_stream = {{ rows }}.stream
        or ({{ rows }}.chart_stream is null and {{ named_streams }}.stream is null)
{%- endmacro %}


{# A text as a quoted field of a CSV file. #}
{% macro csv_field(text) -%}
    {{ return("concat('\"', replace(" ~ text ~ ", '\"', '\"\"'), '\"')") }}
{%- endmacro %}
