{#
    One landing table with the columns of its contract, all as text, plus `landing_file` (where the row came from).
    Extra columns are left out; a missing optional column is NULL; a missing optional table has no rows; a missing
    required table or column is an error at run time that names it.

    On DuckDB the table is <landing>/<table>.csv, .parquet, or a folder <table>/ holding either. On Lakehouse it is the
    table of that name in the landing schema (var landing_schema).
#}
{% macro landing_rows(table, required_columns, optional_columns=[], is_optional_table=true) -%}
    {{ return(adapter.dispatch('landing_rows', 'faultline')(table, required_columns, optional_columns, is_optional_table)) }}
{%- endmacro %}

{% macro default__landing_rows(table, required_columns, optional_columns, is_optional_table) -%}
    {{ exceptions.raise_compiler_error("faultline reads landing tables on duckdb and clickzetta, not on " ~ target.type ~ ".") }}
{%- endmacro %}

{% macro clickzetta__landing_rows(table, required_columns, optional_columns, is_optional_table) -%}
    select
    {%- for column in required_columns + optional_columns %}
        cast({{ column }} as string) as {{ column }},
    {%- endfor %}
        cast(null as string) as landing_file
    from {{ faultline.landing_relation(table) }}
{%- endmacro %}

{% macro duckdb__landing_rows(table, required_columns, optional_columns, is_optional_table) -%}
    {%- set columns = required_columns + optional_columns -%}
    {%- set files = faultline.landing_files(table) -%}
    {%- set readers = [] -%}
    {%- if files.csv -%}
        {%- do readers.append(
            "read_csv([" ~ faultline.sql_text_list(files.csv) ~ "], " ~ faultline.landing_csv_options() ~ ", "
            ~ "union_by_name = true, hive_partitioning = false, filename = 'landing_file')"
        ) -%}
    {%- endif -%}
    {%- if files.parquet -%}
        {%- do readers.append(
            "read_parquet([" ~ faultline.sql_text_list(files.parquet) ~ "], binary_as_string = true, union_by_name = true, "
            ~ "hive_partitioning = false, filename = 'landing_file')"
        ) -%}
    {%- endif -%}

    {%- if not files.problem -%}
        {%- do files.update({'problem': faultline.repeated_landing_columns(table, files.csv, columns)}) -%}
    {%- endif -%}

    {%- if files.problem -%}
        {{ faultline.failing_landing_rows(columns, files.problem) }}
    {%- elif not readers and (is_optional_table or not files.is_known) -%}
        {{ faultline.no_landing_rows(columns) }}
    {%- elif not readers -%}
        {{ faultline.failing_landing_rows(
            columns,
            "landing table " ~ table ~ " is missing: expected " ~ faultline.landing_path() ~ "/" ~ table
            ~ ".csv, .parquet or a folder of either"
        ) }}
    {%- else -%}
        {%- for reader in readers -%}
            {{ faultline.landing_select(table, reader, required_columns, optional_columns) }}
            {%- if not loop.last %}
union all
            {% endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{#
    The dialect of a landing CSV, spelled out: left to itself the reader takes a line that fits better than the header for
    the header, and drops what stands before it without a word.
#}
{% macro landing_csv_options() -%}
    {{ return(
        "all_varchar = true, header = true, skip = 0, delim = ',', quote = '\"', escape = '\"', comment = '', "
        ~ "strict_mode = true, null_padding = false, ignore_errors = false, allow_quoted_nulls = false"
    ) }}
{%- endmacro %}


{#
    What is wrong where a column of the contract stands twice in the header of a CSV file; none if nothing is. The reader
    calls the second one <column>_1 and would drop it as an extra column. A plant may have a column of that name, so the
    header itself is looked at, and only then: it costs one more read of each file.
#}
{% macro repeated_landing_columns(table, csv_files, columns) -%}
    {%- if not csv_files -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set landed_names = [] -%}
    {%- for record in run_query(
        "describe select * from read_csv([" ~ faultline.sql_text_list(csv_files) ~ "], " ~ faultline.landing_csv_options()
        ~ ", union_by_name = true, hive_partitioning = false)"
    ).rows -%}
        {%- do landed_names.append(record[0] | trim | lower) -%}
    {%- endfor -%}
    {%- set suspects = [] -%}
    {%- for column in columns if column ~ '_1' in landed_names -%}
        {%- do suspects.append(column) -%}
    {%- endfor -%}
    {%- for file in csv_files if suspects -%}
        {%- set header = [] -%}
        {%- for record in run_query(
            "select * from read_csv(" ~ faultline.sql_text(file) ~ ", "
            ~ (faultline.landing_csv_options() | replace('header = true', 'header = false'))
            ~ ", hive_partitioning = false) limit 1"
        ).rows -%}
            {%- for name in record.values() -%}
                {%- do header.append(name | trim | lower) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- for column in suspects if header.count(column) > 1 -%}
            {{ return("landing table " ~ table ~ ": the column " ~ column ~ " stands more than once in the header of " ~ file) }}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(none) }}
{%- endmacro %}


{# The contract's columns from one reader. Header names are matched without regard to case and outer blanks. #}
{% macro landing_select(table, reader, required_columns, optional_columns) -%}
    {%- set landed_names = {} -%}
    {%- for record in run_query("describe select * from " ~ reader).rows -%}
        {%- do landed_names.update({record[0] | trim | lower: record[0]}) -%}
    {%- endfor -%}
    {%- set missing = [] -%}
    {%- for column in required_columns if column not in landed_names -%}
        {%- do missing.append(column) -%}
    {%- endfor -%}
    {%- if missing -%}
        {{ return(faultline.failing_landing_rows(
            required_columns + optional_columns,
            "landing table " ~ table ~ " lacks the required column(s) " ~ (missing | join(', '))
        )) }}
    {%- endif -%}
    select
    {%- for column in required_columns + optional_columns %}
        {%- if column in landed_names %}
        cast("{{ landed_names[column] | replace('"', '""') }}" as varchar) as {{ column }},
        {%- else %}
        cast(null as varchar) as {{ column }},
        {%- endif %}
    {%- endfor %}
        landing_file
    from {{ reader }}
{%- endmacro %}


{% macro no_landing_rows(columns) -%}
    select
    {%- for column in columns %}
        cast(null as varchar) as {{ column }},
    {%- endfor %}
        cast(null as varchar) as landing_file
    where false
{%- endmacro %}


{# Compiles, so that lint and docs work anywhere; whoever reads the rows gets the message. #}
{% macro failing_landing_rows(columns, message) -%}
    select
    {%- for column in columns %}
        cast(error({{ faultline.sql_text(message) }}) as varchar) as {{ column }},
    {%- endfor %}
        cast(null as varchar) as landing_file
{%- endmacro %}


{% macro landing_path() -%}
    {{ return(env_var('FAULTLINE_LANDING', 'demo_plant/landing').rstrip('/')) }}
{%- endmacro %}


{#
    The files of a landing table as {csv: [...], parquet: [...], problem: text or none, is_known: false while parsing}.
    A table given twice (file and folder, CSV file and Parquet file) is refused: nobody could say which one counts.
#}
{% macro landing_files(table) -%}
    {%- set files = {'csv': [], 'parquet': [], 'problem': none, 'is_known': false} -%}
    {%- if not execute or not flags.INTROSPECT -%}
        {{ return(files) }}
    {%- endif -%}
    {%- do files.update({'is_known': true}) -%}
    {%- set base = faultline.landing_path() ~ '/' ~ table -%}
    {%- set forms = [] -%}
    {%- for record in run_query(
        "select 'file' as form, file from glob(" ~ faultline.sql_text(base ~ '.csv') ~ ")"
        ~ " union all select 'file', file from glob(" ~ faultline.sql_text(base ~ '.parquet') ~ ")"
        ~ " union all select 'folder', file from glob(" ~ faultline.sql_text(base ~ '/**/*.csv') ~ ")"
        ~ " union all select 'folder', file from glob(" ~ faultline.sql_text(base ~ '/**/*.parquet') ~ ")"
        ~ " order by all"
    ).rows -%}
        {%- do files['csv' if record[1].endswith('.csv') else 'parquet'].append(record[1]) -%}
        {%- do forms.append(record[0]) -%}
    {%- endfor -%}
    {%- if 'file' in forms and forms | length > 1 -%}
        {%- do files.update({
            'problem': "landing table " ~ table ~ " is there more than once: " ~ ((files.csv + files.parquet) | join(', '))
        }) -%}
    {%- endif -%}
    {{ return(files) }}
{%- endmacro %}


{#
    Names the landing files that no table reads: nothing else would tell a misspelt table from one that is empty. Said
    after every run that executes something, as a warning: a plant may keep other files there.

    Left alone are files and folders whose name begins with . or _ (hidden, or the markers of a writer), README files and
    the .csv.open of a push that still runs.
#}
{% macro warn_of_unread_landing_files() -%}
    {{ return(adapter.dispatch('warn_of_unread_landing_files', 'faultline')()) }}
{%- endmacro %}

{% macro default__warn_of_unread_landing_files() -%}
    {{ return('') }}
{%- endmacro %}

{% macro duckdb__warn_of_unread_landing_files() -%}
    {%- set unread = faultline.unread_landing_files() -%}
    {%- if unread -%}
        {%- set shown = unread[:20] -%}
        {%- do exceptions.warn(
            "files in " ~ faultline.landing_path() ~ " that no landing table reads: " ~ (shown | join(', '))
            ~ (" and " ~ (unread | length - 20) ~ " more" if unread | length > 20 else "")
            ~ ". A table is <table>.csv, <table>.parquet or a folder <table>/ of these, in lower case;"
            ~ " docs/landing.md lists the tables"
        ) -%}
    {%- endif -%}
    {{ return('') }}
{%- endmacro %}

{% macro unread_landing_files() -%}
    {%- set unread = [] -%}
    {%- if not execute or not flags.INTROSPECT -%}
        {{ return(unread) }}
    {%- endif -%}
    {%- set tables = faultline.landing_tables() -%}
    {%- set root = faultline.landing_path() ~ '/' -%}
    {%- for record in run_query("select file from glob(" ~ faultline.sql_text(root ~ '**') ~ ") order by file").rows -%}
        {%- set file = record[0][root | length:] -%}
        {%- set table = file.split('/')[0] if '/' in file else file.rsplit('.', 1)[0] -%}
        {%- set is_read = table in tables and file.endswith(('.csv', '.parquet')) -%}
        {%- set is_left_alone = '/.' in '/' ~ file or '/_' in '/' ~ file or file.endswith('.csv.open')
            or file.split('/')[-1].upper().startswith('README') -%}
        {%- if not is_read and not is_left_alone -%}
            {%- do unread.append(file) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(unread) }}
{%- endmacro %}
