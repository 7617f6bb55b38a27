{#
    Where images and files lie. No secret passes through here: dbt writes the SQL of an operation into its log. The storage
    connection of an external volume is made by `python scripts/faultline storage-connection`.
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
        {{ exceptions.raise_compiler_error("create_volume: an external volume needs the name of a storage connection (python scripts/faultline storage-connection).") }}
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


{# Reads the file list of an external volume anew; a file that is not in it has no URL and is not judged. #}
{% macro refresh_volume(name, dry_run=false) -%}
    {%- do faultline.only_on_lakehouse('refresh_volume') -%}
    {%- do faultline.check_lakehouse_name(name) -%}
    {%- do faultline.lakehouse_run_or_print("alter volume " ~ name ~ " refresh", dry_run) -%}
{%- endmacro %}


{#
    Loads CSV or Parquet files of a volume into a landing table. Files are named; Lakehouse leaves out those that it has
    loaded before. The columns of a CSV file are taken by their place: in the order of the landing contract.
        dbt run-operation load_landing --target lakehouse --args '{table: lines, volume: "VOLUME faultline.files", files: [lines.csv], format: csv}'
#}
{% macro load_landing(table, volume, files, format='csv', purge=false, dry_run=false) -%}
    {%- do faultline.only_on_lakehouse('load_landing') -%}
    {%- do faultline.lakehouse_run_or_print(faultline.load_landing_sql(table, volume, files, format, purge), dry_run) -%}
{%- endmacro %}

{% macro load_landing_sql(table, volume, files, format='csv', purge=false) -%}
    {%- do faultline.check_landing_table(table, 'load_landing') -%}
    {%- if format not in ['csv', 'parquet'] -%}
        {{ exceptions.raise_compiler_error("load_landing: format is csv or parquet, not " ~ format ~ ".") }}
    {%- endif -%}
    {%- if not files or files is string -%}
        {{ exceptions.raise_compiler_error("load_landing: files is a list of file names.") }}
    {%- endif -%}
    {%- do faultline.check_volume(volume) -%}
    {{ return(
        "copy into " ~ faultline.landing_relation(table) ~ " from " ~ volume
        ~ " using " ~ format ~ (" options('header'='true', 'nullValue'='')" if format == 'csv' else "")
        ~ " files(" ~ faultline.sql_text_list(files) ~ ")" ~ (" purge=true" if purge else "")
    ) }}
{%- endmacro %}


{#
    A pipe that loads a landing table from Kafka, one JSON object per message, its keys the columns of the contract:

        dbt run-operation create_kafka_pipe --target lakehouse --args '{name: faultline.inspections, bootstrap_servers: "k1:9092", topic: inspections, group_id: faultline, as_text: true}'

    Give as_text as create_landing had it. With typed tables a message without a key fails its batch, and a pipe skips
    batches that fail: where messages may be incomplete, land text and let the ods layer judge it.
    COPY_JOB_HINT is a property of pipes and of nothing else; the concurrency of AI calls does not belong here but in the
    options of the call (var ai_options). Brokers that ask for a password are left to Studio: the password would be logged.
#}
{% macro create_kafka_pipe(name, bootstrap_servers, topic, group_id, table='defect_inspection_records', as_text=false, batch_seconds=60, dry_run=false) -%}
    {%- do faultline.only_on_lakehouse('create_kafka_pipe') -%}
    {%- do faultline.lakehouse_run_or_print(
        faultline.kafka_pipe_sql(name, bootstrap_servers, topic, group_id, table, as_text, batch_seconds), dry_run
    ) -%}
{%- endmacro %}

{% macro kafka_pipe_sql(name, bootstrap_servers, topic, group_id, table='defect_inspection_records', as_text=false, batch_seconds=60) -%}
    {%- do faultline.check_lakehouse_name(name) -%}
    {%- do faultline.check_landing_table(table, 'create_kafka_pipe') -%}
    {%- if batch_seconds | int < 1 -%}
        {{ exceptions.raise_compiler_error("create_kafka_pipe: batch_seconds is a whole number above 0, not " ~ batch_seconds ~ ".") }}
    {%- endif -%}
    {%- set values = [] -%}
    {%- for column, type in faultline.landing_terms(table).columns -%}
        {%- set text = "get_json_object(message, '$." ~ column ~ "')" -%}
        {%- do values.append((text if as_text or type == 'string' else "cast(" ~ text ~ " as " ~ type ~ ")") ~ " as " ~ column) -%}
    {%- endfor -%}
    {{ return(
        "create pipe if not exists " ~ name ~ "\nvirtual_cluster = " ~ faultline.sql_text(target.vcluster or 'default')
        ~ "\nbatch_interval_in_seconds = " ~ faultline.sql_text(batch_seconds | int)
        ~ "\ncopy_job_hint = '{\"cz.sql.split.kafka.strategy\":\"size\"}'\nas copy into "
        ~ faultline.landing_relation(table)
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

{% macro check_landing_table(table, operation) -%}
    {%- if table not in faultline.landing_tables() -%}
        {{ exceptions.raise_compiler_error(
            operation ~ ": there is no landing table '" ~ table ~ "'; there are " ~ (faultline.landing_tables() | join(', ')) ~ "."
        ) }}
    {%- endif -%}
{%- endmacro %}

{# The var image_volume, which stands in the SQL without quotes. #}
{% macro image_volume() -%}
    {%- do faultline.check_volume(var('image_volume')) -%}
    {{ return(var('image_volume')) }}
{%- endmacro %}

{# USER VOLUME or VOLUME schema.name. #}
{% macro check_volume(volume) -%}
    {%- if volume | lower != 'user volume' and not modules.re.fullmatch("(?i)volume +[a-z_][a-z0-9_]*([.][a-z_][a-z0-9_]*){0,2}", volume | string) -%}
        {{ exceptions.raise_compiler_error("A volume is USER VOLUME or VOLUME schema.name, not: " ~ volume) }}
    {%- endif -%}
{%- endmacro %}
