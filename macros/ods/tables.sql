{# The landing tables of the contract, in the order in which they are reported. #}
{% macro landing_tables() -%}
    {{ return([
        'defect_inspection_records',
        'inspection_images',
        'human_reviews',
        'sensor_readings',
        'process_measurements',
        'attribute_samples',
        'production_output',
        'supplier_receipts',
        'quality_cost_entries',
        'net_sales',
        'mes_acknowledgements',
        'line_stop_releases',
        'capa_actions',
        'quality_improvements',
        'lines',
        'stations',
        'skus',
        'suppliers',
        'characteristics',
        'ai_recorded_answers',
    ]) }}
{%- endmacro %}
