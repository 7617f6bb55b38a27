{#- Columns whose landed text could not be read: the row is kept, the value is NULL, the text stands here. -#}
{%- set unreadable_columns = [
    ('defect_inspection_records', 'inspection_source', 'unknown label'),
    ('defect_inspection_records', 'aoi_verdict', 'unknown label'),
    ('defect_inspection_records', 'raw_category', 'unknown label'),
    ('defect_inspection_records', 'raw_severity', 'unknown label'),
    ('defect_inspection_records', 'defect_image', 'unsafe image path'),
    ('inspection_images', 'quality_verdict', 'unknown label'),
    ('inspection_images', 'size_bytes', 'not a number'),
    ('inspection_images', 'width_px', 'not a number'),
    ('inspection_images', 'height_px', 'not a number'),
    ('inspection_images', 'sharpness', 'not a number'),
    ('inspection_images', 'mean_luminance', 'not a number'),
    ('inspection_images', 'clipped_fraction', 'not a number'),
    ('human_reviews', 'review_reason', 'unknown label'),
    ('human_reviews', 'is_blind', 'not a boolean'),
    ('human_reviews', 'reviewed_severity', 'unknown label'),
    ('human_reviews', 'reviewed_action', 'unknown label'),
    ('supplier_receipts', 'quantity_rejected', 'not a number'),
    ('supplier_receipts', 'promised_at', 'not a time'),
    ('skus', 'unit_cost', 'not a number'),
    ('skus', 'rework_cost', 'not a number'),
    ('skus', 'scrap_recovery', 'not a number'),
    ('characteristics', 'lower_spec', 'not a number'),
    ('characteristics', 'target', 'not a number'),
    ('characteristics', 'upper_spec', 'not a number'),
] -%}

{#- Columns of the contract that a row may miss and still be of use: NULL, never a default. -#}
{%- set missing_columns = [
    ('human_reviews', 'review_reason'),
    ('human_reviews', 'is_blind'),
    ('stations', 'station_type'),
    ('skus', 'sku_name'),
    ('skus', 'unit_cost'),
    ('skus', 'rework_cost'),
    ('characteristics', 'unit'),
] -%}

{#- Values that should stand in another table. -#}
{%- set references = [
    ('defect_inspection_records', 'line_id', 'lines', 'line_id', 'unknown reference'),
    ('defect_inspection_records', 'station_id', 'stations', 'station_id', 'unknown reference'),
    ('defect_inspection_records', 'sku_id', 'skus', 'sku_id', 'unknown reference'),
    ('defect_inspection_records', 'supplier_id', 'suppliers', 'supplier_id', 'unknown reference'),
    ('human_reviews', 'inspection_id', 'defect_inspection_records', 'inspection_id', 'unknown inspection'),
    ('sensor_readings', 'equipment_id', 'stations', 'station_id', 'unknown reference'),
    ('process_measurements', 'line_id', 'lines', 'line_id', 'unknown reference'),
    ('process_measurements', 'station_id', 'stations', 'station_id', 'unknown reference'),
    ('process_measurements', 'sku_id', 'skus', 'sku_id', 'unknown reference'),
    ('production_output', 'line_id', 'lines', 'line_id', 'unknown reference'),
    ('production_output', 'sku_id', 'skus', 'sku_id', 'unknown reference'),
    ('supplier_receipts', 'supplier_id', 'suppliers', 'supplier_id', 'unknown reference'),
    ('supplier_receipts', 'sku_id', 'skus', 'sku_id', 'unknown reference'),
    ('quality_cost_entries', 'line_id', 'lines', 'line_id', 'unknown reference'),
    ('quality_cost_entries', 'sku_id', 'skus', 'sku_id', 'unknown reference'),
    ('net_sales', 'sku_id', 'skus', 'sku_id', 'unknown reference'),
    ('line_stop_releases', 'line_id', 'lines', 'line_id', 'unknown reference'),
    ('stations', 'line_id', 'lines', 'line_id', 'unknown reference'),
    ('characteristics', 'sku_id', 'skus', 'sku_id', 'unknown reference'),
] -%}

with
{%- for table, column, issue in unreadable_columns %}
{{ table }}_{{ column }}_unreadable as (

    select
        {{ sql_text(table) }} as table_name,
        row_key,
        {{ sql_text(column) }} as column_name,
        {{ sql_text(issue) }} as issue,
        {{ json_value('raw_row', column) }} as raw_value
    from {{ ref('checked_' ~ table) }}
    where
        row_status = 'kept'
        and {{ column }} is null
        and not {{ landed_blank(column) }}

),
{% endfor %}
{%- for table, column in missing_columns %}
{{ table }}_{{ column }}_missing as (

    select
        {{ sql_text(table) }} as table_name,
        row_key,
        {{ sql_text(column) }} as column_name,
        'required column empty' as issue,
        {{ json_value('raw_row', column) }} as raw_value
    from {{ ref('checked_' ~ table) }}
    where
        row_status = 'kept'
        and {{ column }} is null
        and {{ landed_blank(column) }}

),
{% endfor %}
{%- for table, column, referenced_table, referenced_column, issue in references %}
{{ table }}_{{ column }}_unknown as (

    select
        {{ sql_text(table) }} as table_name,
        rows_kept.row_key,
        {{ sql_text(column) }} as column_name,
        {{ sql_text(issue) }} as issue,
        rows_kept.{{ column }} as raw_value
    from {{ ref('checked_' ~ table) }} as rows_kept
    left join {{ ref('ods_' ~ referenced_table) }} as referenced
        on rows_kept.{{ column }} = referenced.{{ referenced_column }}
    where
        rows_kept.row_status = 'kept'
        and rows_kept.{{ column }} is not null
        and referenced.{{ referenced_column }} is null

),
{% endfor %}
all_issues as (
    {% for table, column, issue in unreadable_columns %}
    select * from {{ table }}_{{ column }}_unreadable
    union all
    {%- endfor %}
    {%- for table, column in missing_columns %}
    select * from {{ table }}_{{ column }}_missing
    union all
    {%- endfor %}
    {%- for table, column, referenced_table, referenced_column, issue in references %}
    select * from {{ table }}_{{ column }}_unknown
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select
    table_name,
    row_key,
    column_name,
    issue,
    raw_value
from all_issues
