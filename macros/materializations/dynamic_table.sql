{#
    A dynamic table of Singdata Lakehouse. Takes the place of the adapter's materialization of that name, which does
    not run pre-hooks, emits no comment or properties, alters the interval on every run and never applies changed SQL.

    meta.lakehouse of a model (defaults: var lakehouse):
        refresh_interval   '10 MINUTE': the engine refreshes by itself, dbt only creates. None: every dbt run refreshes
        vcluster           cluster of the engine's own refreshes
        partition_by       columns, no transforms
        clustered_by, buckets
        lifecycle_days     days until rows are deleted
        recreate           true: a changed model is dropped and created, not replaced (the engine refuses OR REPLACE for
                           some outer joins, CZLH-42000)

    The comment ends in a short hash of the statement. A table whose hash is another is replaced; the check that lets
    old rows keep NULL in a new column is switched off for that statement, so the refresh after it is a full one.
#}
{% materialization dynamic_table, adapter='clickzetta' %}
    {%- set existing = load_relation(this) -%}
    {%- set target_relation = this.incorporate(type='dynamic_table') -%}
    {%- set settings = faultline.dynamic_table_settings(model) -%}
    {%- set fingerprint = faultline.dynamic_table_fingerprint(settings, sql) -%}

    {{ run_hooks(pre_hooks) }}

    {%- set state = namespace(action='create', ddl='') -%}
    {%- if existing is not none and existing.is_dynamic_table -%}
        {%- set state.ddl = faultline.lakehouse_ddl(target_relation) -%}
        {%- if fingerprint in state.ddl and not should_full_refresh() -%}
            {%- set state.action = 'keep' -%}
        {%- elif settings.recreate -%}
            {%- set state.action = 'recreate' -%}
        {%- else -%}
            {%- set state.action = 'replace' -%}
        {%- endif -%}
    {%- elif existing is not none -%}
        {%- set state.action = 'recreate' -%}
    {%- endif -%}

    {%- if state.action == 'recreate' -%}
        {%- do faultline.drop_dynamic_tables_downstream(model.unique_id) -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}

    {%- if state.action != 'keep' -%}
        {%- set columns = get_columns_in_query(sql) -%}
        {%- call statement('create_dynamic_table') -%}
            {{ faultline.create_dynamic_table_sql(target_relation, sql, settings, fingerprint, columns, state.action == 'replace') }}
        {%- endcall -%}
    {%- endif -%}

    {%- set retention = "data_retention_days\\W+" ~ settings.retention_days ~ "\\b" -%}
    {%- if state.action != 'keep' or not modules.re.search(retention, state.ddl, modules.re.I) -%}
        {%- do faultline.lakehouse_run(faultline.dynamic_table_retention_sql(target_relation, settings)) -%}
    {%- endif -%}

    {%- if state.action == 'keep' and settings.refresh_interval -%}
        {%- do store_raw_result(name='main', message='SKIP, refreshed every ' ~ settings.refresh_interval, code='SKIP', rows_affected='-1') -%}
    {%- else -%}
        {%- call statement('main') -%}
            {{ faultline.refresh_dynamic_table_sql(target_relation, after_replace=state.action == 'replace') }}
        {%- endcall -%}
    {%- endif -%}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing, full_refresh_mode=True)) -%}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{# What a model asks of its dynamic table: meta.lakehouse over the var lakehouse. #}
{% macro dynamic_table_settings(node) -%}
    {%- set defaults = faultline.lakehouse_settings() -%}
    {%- set own = (node.config.get('meta') or {}).get('lakehouse') or {} -%}
    {%- set known = ['refresh_interval', 'vcluster', 'partition_by', 'clustered_by', 'buckets', 'lifecycle_days', 'recreate'] -%}
    {%- for key in own if key not in known -%}
        {{ exceptions.raise_compiler_error(node.name ~ ": meta.lakehouse has no '" ~ key ~ "'; it has " ~ (known | join(', ')) ~ ".") }}
    {%- endfor -%}
    {%- set interval = own.get('refresh_interval', defaults.refresh_interval) -%}
    {%- if interval and not modules.re.fullmatch("[1-9][0-9]* (SECOND|MINUTE|HOUR|DAY)", interval | upper) -%}
        {{ exceptions.raise_compiler_error(
            node.name ~ ": a refresh_interval is a number and SECOND, MINUTE, HOUR or DAY, for instance '10 MINUTE'; it is '" ~ interval ~ "'."
        ) }}
    {%- endif -%}
    {%- if interval and 'SECOND' in interval | upper and interval.split()[0] | int < 60 -%}
        {{ exceptions.raise_compiler_error(node.name ~ ": Lakehouse refreshes at most once a minute, not every " ~ interval ~ ".") }}
    {%- endif -%}
    {{ return({
        'refresh_interval': interval | upper if interval else none,
        'vcluster': own.get('vcluster', defaults.vcluster) if interval else none,
        'partition_by': own.get('partition_by', []),
        'clustered_by': own.get('clustered_by', []),
        'buckets': own.get('buckets'),
        'lifecycle_days': own.get('lifecycle_days', defaults.lifecycle_days),
        'recreate': own.get('recreate', defaults.recreate),
        'retention_days': defaults.retention_days,
        'description': node.description,
        'columns': node.columns,
    }) }}
{%- endmacro %}


{# Changes where the query or a clause changes; not where a description does. #}
{% macro dynamic_table_fingerprint(settings, query) -%}
    {%- set clauses = {} -%}
    {%- for key in settings if key not in ['description', 'columns', 'recreate', 'retention_days'] -%}
        {%- do clauses.update({key: settings[key]}) -%}
    {%- endfor -%}
    {{ return("faultline sql " ~ local_md5(tojson(clauses, sort_keys=true) ~ query)[:12]) }}
{%- endmacro %}


{# CREATE DYNAMIC TABLE with its clauses in the documented order. #}
{% macro create_dynamic_table_sql(relation, query, settings, fingerprint, columns=[], is_replacement=false) -%}
    {%- if is_replacement -%}
set cz.sql.mv.check.before.replacing.sql = false;
    {% endif -%}
create {{ 'or replace ' if is_replacement }}dynamic table {{ relation }}
    {%- if columns %}
(
    {%- for name in columns %}
    {{ adapter.quote(name) }}
        {%- if (settings.columns.get(name) or {}).get('description') %} comment {{ faultline.lakehouse_comment(settings.columns[name].description) }}{% endif -%}
        {%- if not loop.last %},{% endif -%}
    {%- endfor %}
)
    {%- endif %}
    {%- if settings.partition_by %}
partitioned by ({{ settings.partition_by | join(', ') }})
    {%- endif %}
    {%- if settings.clustered_by %}
clustered by ({{ settings.clustered_by | join(', ') }}){{ ' into ' ~ settings.buckets ~ ' buckets' if settings.buckets }}
    {%- endif %}
comment {{ faultline.lakehouse_comment((settings.description or '') ~ ' (' ~ fingerprint ~ ')') }}
    {%- if settings.lifecycle_days %}
properties('data_lifecycle'='{{ settings.lifecycle_days | int }}')
    {%- endif %}
    {%- if settings.refresh_interval %}
refresh interval {{ settings.refresh_interval }}{{ ' vcluster ' ~ settings.vcluster if settings.vcluster }}
    {%- endif %}
as
{{ query }}
{%- endmacro %}


{#
    How long what a dynamic table held can still be read: the next one in the chain is refreshed from what has changed
    since its own last refresh, and in full, or not at all, after a pause longer than that. The engine's default is a day.
#}
{% macro dynamic_table_retention_sql(relation, settings) -%}
    {{ return("alter dynamic table " ~ relation ~ " set properties('data_retention_days'='" ~ settings.retention_days ~ "')") }}
{%- endmacro %}


{# One refresh, in UTC. What a replacement switched off is on again: settings stay on the connection. #}
{% macro refresh_dynamic_table_sql(relation, after_replace=false) -%}
    {%- if after_replace -%}
set cz.sql.mv.check.before.replacing.sql = true;
    {% endif -%}
{{ faultline.lakehouse_utc() }};
refresh dynamic table {{ relation }}
{%- endmacro %}


{# The DDL of a relation as Lakehouse keeps it, all on one line. #}
{% macro lakehouse_ddl(relation) -%}
    {%- set text = [] -%}
    {%- for row in run_query("show create table " ~ relation).rows -%}
        {%- do text.append(row.values() | join(' ')) -%}
    {%- endfor -%}
    {{ return(text | join(' ')) }}
{%- endmacro %}


{#
    Drops the dynamic tables that read a model, the farthest first: Lakehouse drops none that another one reads. They
    come back when their own models run, so run them in the same command (dbt build -s model+).
#}
{% macro drop_dynamic_tables_downstream(unique_id) -%}
    {%- for node in faultline.dynamic_tables_downstream(unique_id) | reverse -%}
        {%- set relation = load_relation(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias)) -%}
        {%- if relation is not none and relation.is_dynamic_table -%}
            {{ log("Dropping dynamic table " ~ relation ~ ": it reads what is about to be dropped. Build it again with " ~ node.name, info=true) }}
            {%- do adapter.drop_relation(relation) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{# The dynamic tables that depend on a node, through whatever lies between, each after all that it reads. #}
{% macro dynamic_tables_downstream(unique_id) -%}
    {%- set reached = [unique_id] -%}
    {%- set found = [] -%}
    {%- for node in faultline.models_in_order() -%}
        {%- if node.depends_on.nodes | select('in', reached) | list -%}
            {%- do reached.append(node.unique_id) -%}
            {%- if node.config.materialized == 'dynamic_table' -%}
                {%- do found.append(node) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{# Every enabled model, each after all that it reads. #}
{% macro models_in_order() -%}
    {%- set waiting = namespace(nodes=graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | sort(attribute='unique_id') | list) -%}
    {%- set ordered = [] -%}
    {%- set placed = {} -%}
    {%- for _ in range(0, waiting.nodes | length) if waiting.nodes -%}
        {%- set left = [] -%}
        {%- set names = waiting.nodes | map(attribute='unique_id') | list -%}
        {%- for node in waiting.nodes -%}
            {%- if node.depends_on.nodes | select('in', names) | list -%}
                {%- do left.append(node) -%}
            {%- else -%}
                {%- do ordered.append(node) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set waiting.nodes = left -%}
    {%- endfor -%}
    {{ return(ordered) }}
{%- endmacro %}
