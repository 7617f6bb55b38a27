{#
    A seed on Lakehouse. The adapter drops and re-creates a seed on every run, which makes every dynamic table that reads
    it refresh in full, and loads it as a CSV file whose quoting rules are not documented. Here the table stays, its rows
    are replaced only where the file differs from them, and they are written as literals of their column type. Up to 200
    rows are replaced by one statement: a refresh that runs meanwhile sees the old thresholds or the new, never none.
#}
{% materialization seed, adapter='clickzetta' %}
    {%- set existing = load_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set agate_table = load_agate_table() -%}
    {%- do store_result('agate_table', response='OK', agate_table=agate_table) -%}
    {%- set definitions = faultline.seed_columns(model, agate_table) -%}

    {{ run_hooks(pre_hooks) }}

    {%- set present = adapter.get_columns_in_relation(existing) if existing is not none else [] -%}
    {%- set is_same_shape = present | map(attribute='name') | map('lower') | list == definitions | map(attribute=0) | map('lower') | list -%}
    {%- if existing is not none and (not existing.is_table or not is_same_shape or should_full_refresh()) -%}
        {%- do faultline.drop_dynamic_tables_downstream(model.unique_id) -%}
        {%- do adapter.drop_relation(existing) -%}
        {%- set existing = none -%}
    {%- endif -%}
    {%- if existing is none or not is_same_shape or should_full_refresh() -%}
        {%- set columns = [] -%}
        {%- for name, type in definitions -%}
            {%- do columns.append((adapter.quote(name), type)) -%}
        {%- endfor -%}
        {%- do faultline.lakehouse_run(
            faultline.lakehouse_create_table_sql(target_relation, columns, [], none, model.description)
        ) -%}
        {%- do faultline.lakehouse_track_changes(target_relation) -%}
    {%- endif -%}

    {%- set rows = [] -%}
    {%- for row in agate_table.rows -%}
        {%- set values = [] -%}
        {%- for name, type in definitions -%}
            {%- set value = row[loop.index0] -%}
            {%- do values.append(
                "cast(" ~ ('null' if value is none else faultline.sql_text(value)) ~ " as " ~ type ~ ")"
            ) -%}
        {%- endfor -%}
        {%- do rows.append("(" ~ (values | join(', ')) ~ ")") -%}
    {%- endfor -%}

    {%- set kept_digest = faultline.seed_digest_in_table(target_relation, definitions) -%}
    {%- set is_unchanged = kept_digest == faultline.seed_digest(agate_table) -%}
    {%- if not is_unchanged -%}
        {%- if not rows -%}
            {%- do faultline.lakehouse_run("truncate table " ~ target_relation) -%}
        {%- endif -%}
        {%- for batch in rows | batch(200) -%}
            {%- do faultline.lakehouse_run(
                "insert " ~ ("overwrite " if loop.first else "into ") ~ target_relation ~ " values\n" ~ (batch | join(',\n'))
            ) -%}
        {%- endfor -%}
    {%- endif -%}

    {%- set message = 'unchanged' if is_unchanged else 'INSERT ' ~ (rows | length) -%}
    {% call noop_statement('main', message, 'INSERT', rows | length) %}
        -- {{ message }}
    {% endcall %}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=false) -%}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{# Name and type of each column of a seed: column_types, else what the file looks like. #}
{% macro seed_columns(model, agate_table) -%}
    {%- set types = model.config.get('column_types', {}) -%}
    {%- set definitions = [] -%}
    {%- for name in agate_table.column_names -%}
        {%- do definitions.append((name, api.Column.translate_type(types.get(name) or adapter.convert_type(agate_table, loop.index0)))) -%}
    {%- endfor -%}
    {{ return(definitions) }}
{%- endmacro %}


{# The rows of a seed as a set of texts, the same for the file and for the table. #}
{% macro seed_digest(agate_table) -%}
    {%- set rows = [] -%}
    {%- for row in agate_table.rows -%}
        {%- set values = [] -%}
        {%- for value in row.values() -%}
            {%- do values.append(faultline.seed_value_text(value)) -%}
        {%- endfor -%}
        {%- do rows.append(tojson(values)) -%}
    {%- endfor -%}
    {{ return(rows | sort) }}
{%- endmacro %}

{% macro seed_digest_in_table(relation, definitions) -%}
    {%- set names = [] -%}
    {%- for name, type in definitions -%}
        {%- do names.append(adapter.quote(name)) -%}
    {%- endfor -%}
    {{ return(faultline.seed_digest(run_query("select " ~ (names | join(', ')) ~ " from " ~ relation))) }}
{%- endmacro %}

{# Numbers compare as numbers: 5, 5.0 and 5.00 are one value; True is true. #}
{% macro seed_value_text(value) -%}
    {%- if value is none -%}
        {{ return('') }}
    {%- elif value is boolean -%}
        {{ return(value | string | lower) }}
    {%- elif value is number -%}
        {{ return("%.12g" | format(value | float)) }}
    {%- elif value | string | lower in ['true', 'false'] -%}
        {{ return(value | string | lower) }}
    {%- elif modules.re.fullmatch("[+-]?[0-9]+([.][0-9]+)?", value | string) -%}
        {{ return("%.12g" | format(value | float)) }}
    {%- endif -%}
    {{ return(value | string) }}
{%- endmacro %}
