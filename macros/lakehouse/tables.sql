{#
    CREATE TABLE for a table that dbt does not materialize: types, PRIMARY KEY with the partition column first,
    PARTITIONED BY (days(...)), comments. The adapter can emit neither key nor partition transform.
#}
{% macro lakehouse_create_table_sql(relation, columns, primary_key=[], partition_column=none, comment='', column_descriptions={}) -%}
    {%- set definitions = [] -%}
    {%- for name, type in columns -%}
        {%- set description = column_descriptions.get(name) -%}
        {%- do definitions.append(
            "    " ~ name ~ " " ~ type ~ (" not null" if name in primary_key else "")
            ~ (" comment " ~ faultline.lakehouse_comment(description) if description else "")
        ) -%}
    {%- endfor -%}
    {%- if primary_key -%}
        {%- if partition_column and primary_key[0] != partition_column -%}
            {{ exceptions.raise_compiler_error(relation ~ ": the primary key has to begin with the partition column " ~ partition_column ~ ".") }}
        {%- endif -%}
        {%- do definitions.append("    primary key (" ~ (primary_key | join(', ')) ~ ")") -%}
    {%- endif -%}
    {{ return(
        "create table if not exists " ~ relation ~ " (\n" ~ (definitions | join(',\n')) ~ "\n)"
        ~ ("\npartitioned by (days(" ~ partition_column ~ "))" if partition_column else "")
        ~ ("\ncomment " ~ faultline.lakehouse_comment(comment) if comment else "")
    ) }}
{%- endmacro %}

{# A statement of its own: inside CREATE TABLE the property has no effect. #}
{% macro lakehouse_change_tracking_sql(relation) -%}
    {{ return(
        "alter table " ~ relation ~ " set properties('change_tracking'='true', 'data_retention_days'='"
        ~ faultline.lakehouse_settings().retention_days ~ "')"
    ) }}
{%- endmacro %}

{# The index lives in the schema of its table. #}
{% macro lakehouse_bloom_filter_sql(relation, column) -%}
    {{ return(
        "create bloomfilter index if not exists "
        ~ relation.incorporate(path={'identifier': relation.identifier ~ '_' ~ column ~ '_bloom'}) ~ " on table " ~ relation ~ "(" ~ column ~ ")"
    ) }}
{%- endmacro %}


{# The var lakehouse over the defaults of dbt_project.yml: an override names only what it changes. #}
{% macro lakehouse_settings() -%}
    {%- set settings = {'refresh_interval': none, 'vcluster': none, 'lifecycle_days': none, 'recreate': false, 'retention_days': 7} -%}
    {%- for key, value in (var('lakehouse') or {}).items() -%}
        {%- if key not in settings -%}
            {{ exceptions.raise_compiler_error("The var lakehouse has no '" ~ key ~ "'; it has " ~ (settings | join(', ')) ~ ".") }}
        {%- endif -%}
        {%- do settings.update({key: value}) -%}
    {%- endfor -%}
    {#- With 0 days of time travel every refresh would be a full one. -#}
    {%- if not modules.re.fullmatch('[1-9]|[1-8][0-9]|90', settings.retention_days | string) -%}
        {{ exceptions.raise_compiler_error(
            "The var lakehouse.retention_days is a whole number from 1 to 90, not " ~ settings.retention_days ~ "."
        ) }}
    {%- endif -%}
    {{ return(settings) }}
{%- endmacro %}
