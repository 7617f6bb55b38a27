{#
    A plain table on Lakehouse that is brought in line with its query by what differs: new rows are inserted, rows that
    are gone are deleted, and where nothing changed nothing is written. For what no dynamic table may read directly (the
    directory of a volume) and what must not be dropped under the dynamic tables that read it. Rows are compared as a
    whole, so the query has to return distinct rows.
#}
{% materialization synced_table, adapter='clickzetta' %}
    {%- set existing = load_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}

    {{ run_hooks(pre_hooks) }}

    {%- if existing is not none and not existing.is_table -%}
        {%- do faultline.drop_dynamic_tables_downstream(model.unique_id) -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}

    {%- if existing is none or not existing.is_table -%}
        {%- call statement('main') -%}
            create table {{ target_relation }} as
            {{ sql }}
        {%- endcall -%}
        {%- do faultline.lakehouse_track_changes(target_relation) -%}
    {%- else -%}
        {%- set columns = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | join(', ') -%}
        {%- set gone = run_query(
            "select count(*) as gone from (select " ~ columns ~ " from " ~ target_relation ~ " except select " ~ columns
            ~ " from (" ~ sql ~ ") as wanted) as gone_rows"
        ).rows[0][0] | int -%}
        {%- if gone > 0 -%}
            {%- do faultline.lakehouse_run(faultline.synced_table_removal_sql(target_relation, sql, columns)) -%}
        {%- endif -%}
        {%- set new = run_query(
            "select count(*) as new from (select " ~ columns ~ " from (" ~ sql ~ ") as wanted except select " ~ columns
            ~ " from " ~ target_relation ~ ") as new_rows"
        ).rows[0][0] | int -%}
        {%- if new > 0 -%}
            {%- do faultline.lakehouse_run(
                "insert into " ~ target_relation ~ " (" ~ columns ~ ") select " ~ columns ~ " from (" ~ sql
                ~ ") as wanted except select " ~ columns ~ " from " ~ target_relation
            ) -%}
        {%- endif -%}
        {%- do store_raw_result(name='main', message=new ~ ' new, ' ~ gone ~ ' gone', code='SYNC', rows_affected=(new + gone) | string) -%}
    {%- endif -%}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{# Takes the rows away that are gone: by the column where it is the only one; else all rows are replaced by one statement. #}
{% macro synced_table_removal_sql(relation, query, columns) -%}
    {%- if ',' in columns -%}
        {{ return("insert overwrite " ~ relation ~ " (" ~ columns ~ ") select " ~ columns ~ " from (" ~ query ~ ") as wanted") }}
    {%- endif -%}
    {{ return(
        "delete from " ~ relation ~ " where " ~ columns ~ " not in (select " ~ columns ~ " from (" ~ query
        ~ ") as wanted where " ~ columns ~ " is not null)"
    ) }}
{%- endmacro %}
