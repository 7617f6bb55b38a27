{#
    Where images and files lie. Secrets come from the environment, are read when the operation runs, and are not in any
    compiled file: these are operations, not models. dbt writes the SQL of an operation into its debug log, so a secret
    goes through the prefix DBT_ENV_SECRET_, which dbt scrubs from every log.
#}

{#
    A named internal volume with its directory:
        dbt run-operation create_volume --target lakehouse --args '{name: faultline.defect_images}'
    or an external one on OSS, COS or S3 through a storage connection:
        ... --args '{name: faultline.defect_images, location: "oss://bucket/images/", connection: plant_oss}'
    Then set the var image_volume to 'VOLUME faultline.defect_images'. The user volume needs nothing, but only the user
    that uploaded can read it.
#}
{% macro create_volume(name, location=none, connection=none, dry_run=false) -%}
    {%- do faultline.only_on_lakehouse('create_volume') -%}
    {%- do faultline.lakehouse_run_or_print(faultline.create_volume_sql(name, location, connection), dry_run) -%}
{%- endmacro %}

{% macro create_volume_sql(name, location=none, connection=none) -%}
    {%- do faultline.check_lakehouse_name(name) -%}
    {%- if location is none -%}
        {{ return("create volume if not exists " ~ name ~ " directory=(enable=true,auto_refresh=true) recursive=true") }}
    {%- endif -%}
    {%- if not connection -%}
        {{ exceptions.raise_compiler_error("create_volume: an external volume needs the name of a storage connection (create_storage_connection).") }}
    {%- endif -%}
    {%- if not modules.re.fullmatch("(oss|cos|s3)://[^'\\\\\\s]+/", location) -%}
        {{ exceptions.raise_compiler_error("create_volume: location is oss://, cos:// or s3://bucket/path/ with a slash at its end, not " ~ location ~ ".") }}
    {%- endif -%}
    {%- do faultline.check_lakehouse_name(connection) -%}
    {{ return(
        "create external volume if not exists " ~ name ~ " location " ~ faultline.sql_text(location) ~ " using connection " ~ connection
        ~ " directory=(enable=true,auto_refresh=true) recursive=true"
    ) }}
{%- endmacro %}


{#
    A storage connection. The keys are read from DBT_ENV_SECRET_STORAGE_ACCESS_ID and DBT_ENV_SECRET_STORAGE_ACCESS_KEY.
        kind: oss (with endpoint), cos (with region and app_id), s3 (with endpoint and region)
#}
{% macro create_storage_connection(name, kind, endpoint=none, region=none, app_id=none, dry_run=false) -%}
    {%- do faultline.only_on_lakehouse('create_storage_connection') -%}
    {%- if dry_run -%}
        {{ print(faultline.storage_connection_sql(name, kind, endpoint, region, app_id, '***', '***') ~ ";\n") }}
    {%- elif execute -%}
        {%- do faultline.lakehouse_run(faultline.storage_connection_sql(
            name, kind, endpoint, region, app_id,
            env_var('DBT_ENV_SECRET_STORAGE_ACCESS_ID'), env_var('DBT_ENV_SECRET_STORAGE_ACCESS_KEY')
        )) -%}
    {%- endif -%}
{%- endmacro %}

{% macro storage_connection_sql(name, kind, endpoint, region, app_id, access_id, access_key) -%}
    {%- do faultline.check_lakehouse_name(name) -%}
    {%- set needed = {'oss': {'endpoint': endpoint}, 'cos': {'region': region, 'app_id': app_id}, 's3': {'endpoint': endpoint, 'region': region}} -%}
    {%- if kind not in needed -%}
        {{ exceptions.raise_compiler_error("create_storage_connection: kind is oss, cos or s3, not " ~ kind ~ ".") }}
    {%- endif -%}
    {%- for argument, value in needed[kind].items() if not value -%}
        {{ exceptions.raise_compiler_error("create_storage_connection: " ~ kind ~ " needs " ~ argument ~ ".") }}
    {%- endfor -%}
    {%- set id, key = faultline.sql_text(access_id), faultline.sql_text(access_key) -%}
    {%- if kind == 'oss' -%}
        {{ return("create storage connection " ~ name ~ " type oss endpoint=" ~ faultline.sql_text(endpoint) ~ " access_id=" ~ id ~ " access_key=" ~ key) }}
    {%- elif kind == 'cos' -%}
        {{ return(
            "create storage connection " ~ name ~ " type cos access_key=" ~ id ~ " secret_key=" ~ key ~ " region="
            ~ faultline.sql_text(region) ~ " app_id=" ~ faultline.sql_text(app_id)
        ) }}
    {%- endif -%}
    {{ return(
        "create storage connection " ~ name ~ " type s3 access_key=" ~ id ~ " secret_key=" ~ key ~ " endpoint="
        ~ faultline.sql_text(endpoint) ~ " region=" ~ faultline.sql_text(region)
    ) }}
{%- endmacro %}


{#
    Loads CSV or Parquet files of a volume into a landing table. Files are named, so that a repeat loads nothing twice
    by accident.
        dbt run-operation load_landing --target lakehouse --args '{table: lines, volume: "VOLUME faultline.files", files: [lines.csv], format: csv}'
#}
{% macro load_landing(table, volume, files, format='csv', purge=false, dry_run=false) -%}
    {%- do faultline.only_on_lakehouse('load_landing') -%}
    {%- do faultline.lakehouse_run_or_print(faultline.load_landing_sql(table, volume, files, format, purge), dry_run) -%}
{%- endmacro %}

{% macro load_landing_sql(table, volume, files, format='csv', purge=false) -%}
    {%- if table not in faultline.landing_tables() -%}
        {{ exceptions.raise_compiler_error("load_landing: there is no landing table '" ~ table ~ "'; there are " ~ (faultline.landing_tables() | join(', ')) ~ ".") }}
    {%- endif -%}
    {%- if format not in ['csv', 'parquet'] -%}
        {{ exceptions.raise_compiler_error("load_landing: format is csv or parquet, not " ~ format ~ ".") }}
    {%- endif -%}
    {%- if not files or files is string -%}
        {{ exceptions.raise_compiler_error("load_landing: files is a list of file names.") }}
    {%- endif -%}
    {%- do faultline.check_volume(volume) -%}
    {{ return(
        "copy into " ~ api.Relation.create(database=target.database, schema=var('landing_schema'), identifier=table) ~ " from " ~ volume
        ~ " using " ~ format ~ (" options('header'='true', 'nullValue'='')" if format == 'csv' else "")
        ~ " files(" ~ faultline.sql_text_list(files) ~ ")" ~ (" purge=true" if purge else "")
    ) }}
{%- endmacro %}


{#
    A pipe that loads inspections from Kafka as they come. COPY_JOB_HINT is a property of pipes and of nothing else; the
    concurrency of AI calls does not belong here but in the options of the call (var ai_options).
#}
{% macro create_kafka_pipe(name, bootstrap_servers, topic, group_id, batch_seconds=60, dry_run=false) -%}
    {%- do faultline.only_on_lakehouse('create_kafka_pipe') -%}
    {%- do faultline.lakehouse_run_or_print(faultline.kafka_pipe_sql(name, bootstrap_servers, topic, group_id, batch_seconds), dry_run) -%}
{%- endmacro %}

{% macro kafka_pipe_sql(name, bootstrap_servers, topic, group_id, batch_seconds=60) -%}
    {%- do faultline.check_lakehouse_name(name) -%}
    {%- set columns = faultline.lakehouse_landing_contract()['defect_inspection_records'].columns -%}
    {%- set values = [] -%}
    {%- for column, type in columns -%}
        {%- do values.append("cast(get_json_object(message, '$." ~ column ~ "') as " ~ type ~ ") as " ~ column) -%}
    {%- endfor -%}
    {{ return(
        "create pipe if not exists " ~ name ~ "\nvirtual_cluster = " ~ faultline.sql_text(target.vcluster or 'default')
        ~ "\nbatch_interval_in_seconds = " ~ faultline.sql_text(batch_seconds | int)
        ~ "\ncopy_job_hint = '{\"cz.sql.split.kafka.strategy\":\"size\"}'\nas copy into "
        ~ api.Relation.create(database=target.database, schema=var('landing_schema'), identifier='defect_inspection_records')
        ~ " from (\n    select " ~ (values | join(',\n        ')) ~ "\n    from (select cast(value as string) as message from read_kafka("
        ~ faultline.sql_text_list([bootstrap_servers, topic, '', group_id]) ~ ", '', '', '', '', 'raw', 'raw', 0, map())) as messages\n)"
    ) }}
{%- endmacro %}


{# A name may be schema.name of letters, digits and underscores: it stands in the SQL without quotes. #}
{% macro check_lakehouse_name(name) -%}
    {%- if not modules.re.fullmatch("[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*){0,2}", name | string) -%}
        {{ exceptions.raise_compiler_error("A Lakehouse name is letters, digits and underscores, parts joined by dots; this is not: " ~ name) }}
    {%- endif -%}
{%- endmacro %}

{# USER VOLUME or VOLUME schema.name. #}
{% macro check_volume(volume) -%}
    {%- if volume | lower != 'user volume' and not modules.re.fullmatch("(?i)volume +[a-z_][a-z0-9_]*([.][a-z_][a-z0-9_]*){0,2}", volume | string) -%}
        {{ exceptions.raise_compiler_error("A volume is USER VOLUME or VOLUME schema.name, not: " ~ volume) }}
    {%- endif -%}
{%- endmacro %}
