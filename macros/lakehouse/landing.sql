{#
    The landing contract as Lakehouse tables: for each table its columns in order, the key, the column its days are
    partitions of, and the columns that are looked up one at a time. An empty key: equal rows may be legitimate.
    `partition` leads the key, as Lakehouse demands; it is given only where the column can never be empty.
#}
{% macro lakehouse_landing_contract() -%}
    {%- set ts = dbt.type_timestamp() -%}
    {{ return({
        'defect_inspection_records': {
            'columns': [
                ('inspection_id', 'string'), ('inspect_time', ts), ('recorded_at', ts), ('line_id', 'string'), ('station_id', 'string'),
                ('shift', 'string'), ('sku_id', 'string'), ('part_serial', 'string'), ('supplier_id', 'string'),
                ('supplier_lot_id', 'string'), ('inspector_id', 'string'), ('inspection_source', 'string'), ('aoi_verdict', 'string'),
                ('defect_image', 'string'), ('description', 'string'), ('raw_category', 'string'), ('raw_severity', 'string'),
            ],
            'key': ['inspect_time', 'inspection_id', 'recorded_at'], 'partition': 'inspect_time', 'looked_up': ['inspection_id'],
            'comment': 'Inspections, one row per inspection and per correction of it.',
        },
        'inspection_images': {
            'columns': [
                ('image_path', 'string'), ('content_sha256', 'string'), ('size_bytes', 'bigint'), ('width_px', 'bigint'),
                ('height_px', 'bigint'), ('sharpness', 'double'), ('mean_luminance', 'double'), ('clipped_fraction', 'double'),
                ('quality_verdict', 'string'), ('quality_reasons', 'string'), ('uploaded_at', ts),
            ],
            'key': ['uploaded_at', 'image_path'], 'partition': 'uploaded_at', 'looked_up': ['image_path'],
            'comment': 'Pictures and what was measured on them, one row per picture.',
        },
        'human_reviews': {
            'columns': [
                ('review_id', 'string'), ('inspection_id', 'string'), ('reviewed_at', ts), ('reviewer_id', 'string'),
                ('review_reason', 'string'), ('is_blind', 'boolean'), ('reviewed_category', 'string'), ('reviewed_severity', 'string'),
                ('reviewed_action', 'string'), ('note', 'string'),
            ],
            'key': ['review_id'], 'partition': none, 'looked_up': ['inspection_id'],
            'comment': 'Later judgements by people, one row per review.',
        },
        'sensor_readings': {
            'columns': [('reading_time', ts), ('equipment_id', 'string'), ('parameter', 'string'), ('value', 'double'), ('unit', 'string')],
            'key': ['reading_time', 'equipment_id', 'parameter'], 'partition': 'reading_time', 'looked_up': [],
            'comment': 'Sensor readings, one row per equipment, parameter and time.',
        },
        'process_measurements': {
            'columns': [
                ('measured_at', ts), ('line_id', 'string'), ('station_id', 'string'), ('sku_id', 'string'), ('characteristic', 'string'),
                ('subgroup_id', 'string'), ('value', 'double'), ('measurement_id', 'string'),
            ],
            'key': [], 'partition': 'measured_at', 'looked_up': [],
            'comment': 'Measured values, one row per value; equal rows are legitimate unless measurement_id says otherwise.',
        },
        'attribute_samples': {
            'columns': [
                ('sampled_at', ts), ('stream', 'string'), ('sample_size', 'double'), ('defectives', 'bigint'), ('defects', 'bigint'),
                ('sample_id', 'string'),
            ],
            'key': [], 'partition': 'sampled_at', 'looked_up': [],
            'comment': 'Counted samples of any stream a plant charts; equal rows are legitimate unless sample_id says otherwise.',
        },
        'production_output': {
            'columns': [('output_hour', ts), ('line_id', 'string'), ('sku_id', 'string'), ('shift', 'string'), ('units_produced', 'bigint')],
            'key': ['output_hour', 'line_id', 'sku_id', 'shift'], 'partition': 'output_hour', 'looked_up': [],
            'comment': 'Units produced, one row per line, SKU, shift and hour.',
        },
        'supplier_receipts': {
            'columns': [
                ('receipt_id', 'string'), ('supplier_id', 'string'), ('supplier_lot_id', 'string'), ('sku_id', 'string'),
                ('received_at', ts), ('quantity_received', 'bigint'), ('quantity_rejected', 'bigint'), ('promised_at', ts),
            ],
            'key': ['receipt_id'], 'partition': none, 'looked_up': [],
            'comment': 'Receipts of purchased material, one row per receipt.',
        },
        'quality_cost_entries': {
            'columns': [
                ('entry_id', 'string'), ('booked_on', 'date'), ('line_id', 'string'), ('sku_id', 'string'), ('cost_category', 'string'),
                ('cost_item', 'string'), ('amount', 'double'), ('currency', 'string'),
            ],
            'key': ['entry_id'], 'partition': none, 'looked_up': [],
            'comment': 'Booked quality cost, one row per entry; a negative amount is a credit note.',
        },
        'net_sales': {
            'columns': [('sales_month', 'date'), ('sku_id', 'string'), ('amount', 'double'), ('currency', 'string')],
            'key': ['sales_month', 'sku_id'], 'partition': none, 'looked_up': [],
            'comment': 'Net sales, one row per SKU and month.',
        },
        'mes_acknowledgements': {
            'columns': [
                ('action_key', 'string'), ('acknowledged_at', ts), ('status', 'string'), ('version', 'bigint'),
                ('mes_reference', 'string'), ('message', 'string'),
            ],
            'key': [], 'partition': none, 'looked_up': ['action_key'],
            'comment': 'Answers of the MES, one row per answer to an action.',
        },
        'line_stop_releases': {
            'columns': [('line_id', 'string'), ('released_at', ts), ('released_by', 'string'), ('reason', 'string')],
            'key': ['line_id', 'released_at'], 'partition': none, 'looked_up': [],
            'comment': 'Releases of line stops by people, one row per release.',
        },
        'capa_actions': {
            'columns': [
                ('action_id', 'string'), ('case_id', 'string'), ('owner', 'string'), ('description', 'string'), ('recorded_on', 'date'),
                ('due_on', 'date'), ('done_on', 'date'),
            ],
            'key': [], 'partition': none, 'looked_up': [],
            'comment': 'Steps of corrective actions, one row per step and per correction of it.',
        },
        'quality_improvements': {
            'columns': [
                ('improvement_id', 'string'), ('line_id', 'string'), ('started_on', 'date'), ('description', 'string'),
                ('investment', 'double'), ('currency', 'string'),
            ],
            'key': ['improvement_id'], 'partition': none, 'looked_up': [],
            'comment': 'Improvements that were paid for, one row per improvement.',
        },
        'lines': {
            'columns': [('line_id', 'string'), ('line_name', 'string')],
            'key': ['line_id'], 'partition': none, 'looked_up': [], 'comment': 'Lines of the plant.',
        },
        'stations': {
            'columns': [('station_id', 'string'), ('line_id', 'string'), ('station_type', 'string')],
            'key': ['station_id'], 'partition': none, 'looked_up': [], 'comment': 'Stations and the line each stands on.',
        },
        'skus': {
            'columns': [
                ('sku_id', 'string'), ('sku_name', 'string'), ('unit_cost', 'double'), ('rework_cost', 'double'), ('scrap_recovery', 'double'),
            ],
            'key': ['sku_id'], 'partition': none, 'looked_up': [], 'comment': 'SKUs, bought and made, with their costs.',
        },
        'suppliers': {
            'columns': [('supplier_id', 'string'), ('supplier_name', 'string')],
            'key': ['supplier_id'], 'partition': none, 'looked_up': [], 'comment': 'Suppliers.',
        },
        'characteristics': {
            'columns': [
                ('sku_id', 'string'), ('characteristic', 'string'), ('lower_spec', 'double'), ('target', 'double'), ('upper_spec', 'double'),
                ('unit', 'string'),
            ],
            'key': ['sku_id', 'characteristic'], 'partition': none, 'looked_up': [], 'comment': 'Measured characteristics and their limits.',
        },
        'ai_recorded_answers': {
            'columns': [
                ('step', 'string'), ('inspection_id', 'string'), ('model', 'string'), ('raw_response', 'string'), ('prompt_version', 'string'),
                ('content_sha256', 'string'), ('error', 'string'),
            ],
            'key': [], 'partition': none, 'looked_up': [],
            'comment': 'Recorded model answers. Replayed on DuckDB only; on Lakehouse the AI functions answer.',
        },
    }) }}
{%- endmacro %}


{#
    Creates what dbt does not materialize: the landing schema and tables, and the AI ledgers. Safe to repeat: what is there
    stays, and gets the columns that a newer version of the contract brought.

        dbt run-operation create_landing --target lakehouse
        dbt run-operation create_landing --target lakehouse --args '{dry_run: true}'       prints the statements only
        dbt run-operation create_landing --target lakehouse --args '{as_text: true}'       every column STRING, no key

    A typed table refuses what does not fit its types and keys before anybody sees it. With as_text a plant lands
    whatever it has and the ods layer judges every row, as it does on DuckDB.
#}
{% macro create_landing(dry_run=false, as_text=false, with_ledgers=true) -%}
    {%- for statement_text in faultline.landing_statements(as_text, with_ledgers) -%}
        {%- do faultline.lakehouse_run_or_print(statement_text, dry_run) -%}
    {%- endfor -%}
    {%- if execute and not dry_run -%}
        {%- do faultline.add_new_landing_columns(as_text) -%}
        {{ log("The landing tables are there, in schema " ~ var('landing_schema') ~ ".", info=true) }}
    {%- endif -%}
{%- endmacro %}

{% macro landing_statements(as_text=false, with_ledgers=true) -%}
    {%- do faultline.only_on_lakehouse('create_landing') -%}
    {%- set ledgers = [] -%}
    {%- for node in graph.nodes.values() if with_ledgers and node.resource_type == 'model' and node.config.materialized == 'ai_ledger' -%}
        {%- do ledgers.append(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias, type='table')) -%}
    {%- endfor -%}
    {%- set schemas = [
        faultline.landing_relation('any').without_identifier() | string,
        api.Relation.create(database=target.database, schema=target.schema).without_identifier() | string,
    ] -%}
    {%- for ledger in ledgers -%}
        {%- do schemas.append(ledger.without_identifier() | string) -%}
    {%- endfor -%}
    {%- set statements = [] -%}
    {%- for schema in schemas | unique -%}
        {%- do statements.append("create schema if not exists " ~ schema) -%}
    {%- endfor -%}
    {%- for table in faultline.landing_tables() -%}
        {%- set terms = faultline.landing_terms(table) -%}
        {%- set relation = faultline.landing_relation(table) -%}
        {%- set columns = [] -%}
        {%- for name, type in terms.columns -%}
            {%- do columns.append((name, 'string' if as_text else type)) -%}
        {%- endfor -%}
        {%- do statements.append(faultline.lakehouse_create_table_sql(
            relation, columns, [] if as_text else terms.key, none if as_text else terms.partition, terms.comment,
            faultline.column_descriptions('ods_' ~ table)
        )) -%}
        {%- do statements.append(faultline.lakehouse_change_tracking_sql(relation)) -%}
        {%- for column in terms.looked_up -%}
            {%- do statements.append(faultline.lakehouse_bloom_filter_sql(relation, column)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for ledger in ledgers -%}
        {%- do statements.extend(faultline.ai_ledger_ddl(ledger)) -%}
    {%- endfor -%}
    {{ return(statements) }}
{%- endmacro %}

{# The columns of the contract that a landing table of an older version lacks; they are optional, so old rows keep NULL. #}
{% macro add_new_landing_columns(as_text=false) -%}
    {%- for table in faultline.landing_tables() -%}
        {%- set relation = faultline.landing_relation(table) -%}
        {%- set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list -%}
        {%- for name, type in faultline.landing_terms(table).columns if name not in present -%}
            {%- do faultline.lakehouse_run("alter table " ~ relation ~ " add column " ~ name ~ " " ~ ('string' if as_text else type)) -%}
            {{ log("Column " ~ name ~ " was added to " ~ relation ~ ".", info=true) }}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}

{% macro landing_terms(table) -%}
    {%- set contract = faultline.lakehouse_landing_contract() -%}
    {%- if table not in contract -%}
        {{ exceptions.raise_compiler_error("The landing table " ~ table ~ " has no columns in lakehouse_landing_contract.") }}
    {%- endif -%}
    {{ return(contract[table]) }}
{%- endmacro %}

{# A table of the landing schema. Its name stands in the SQL without quotes, so the var landing_schema is one plain word. #}
{% macro landing_relation(table) -%}
    {%- if not modules.re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", var('landing_schema') | string) -%}
        {{ exceptions.raise_compiler_error("The var landing_schema is one word of letters, digits and underscores, not: " ~ var('landing_schema')) }}
    {%- endif -%}
    {{ return(api.Relation.create(database=target.database, schema=var('landing_schema'), identifier=table, type='table')) }}
{%- endmacro %}

{# What the project says of the columns of a model, by name. #}
{% macro column_descriptions(model_name) -%}
    {%- set descriptions = {} -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == model_name -%}
        {%- for name, column in node.columns.items() -%}
            {%- do descriptions.update({name | lower: column.description}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(descriptions) }}
{%- endmacro %}


{# One statement of an operation: run, or with dry_run printed with the semicolon that a Studio script needs. #}
{% macro lakehouse_run_or_print(statement_text, dry_run) -%}
    {%- if dry_run -%}
        {{ print(statement_text ~ ";\n") }}
    {%- elif execute -%}
        {%- do faultline.lakehouse_run(statement_text) -%}
    {%- endif -%}
{%- endmacro %}


{% macro only_on_lakehouse(operation) -%}
    {%- if target.type != 'clickzetta' -%}
        {{ exceptions.raise_compiler_error(operation ~ " is for Singdata Lakehouse: add --target lakehouse.") }}
    {%- endif -%}
{%- endmacro %}
