"""The landing contracts and the files that carry them: CSV for most tables, Parquet and folders of parts for some."""

import csv
from collections.abc import Iterable
from pathlib import Path

import duckdb

CONTRACTS: dict[str, tuple[str, ...]] = {
    table: tuple(columns.split())
    for table, columns in {
        "defect_inspection_records": "inspection_id inspect_time recorded_at line_id station_id shift sku_id"
        " part_serial supplier_id supplier_lot_id inspector_id inspection_source aoi_verdict"
        " defect_image description raw_category raw_severity",
        "inspection_images": "image_path content_sha256 size_bytes width_px height_px sharpness"
        " mean_luminance clipped_fraction quality_verdict quality_reasons uploaded_at",
        "human_reviews": "review_id inspection_id reviewed_at reviewer_id review_reason is_blind"
        " reviewed_category reviewed_severity reviewed_action note",
        "sensor_readings": "reading_time equipment_id parameter value unit",
        "process_measurements": "measured_at line_id station_id sku_id characteristic subgroup_id value",
        "attribute_samples": "sampled_at stream sample_size defectives defects",
        "production_output": "output_hour line_id sku_id shift units_produced",
        "supplier_receipts": "receipt_id supplier_id supplier_lot_id sku_id received_at quantity_received"
        " quantity_rejected promised_at",
        "quality_cost_entries": "entry_id booked_on line_id sku_id cost_category cost_item amount currency",
        "net_sales": "sales_month sku_id amount currency",
        "mes_acknowledgements": "action_key acknowledged_at status mes_reference message",
        "line_stop_releases": "line_id released_at released_by reason",
        "lines": "line_id line_name",
        "stations": "station_id line_id station_type",
        "skus": "sku_id sku_name unit_cost rework_cost scrap_recovery",
        "suppliers": "supplier_id supplier_name",
        "characteristics": "sku_id characteristic lower_spec target upper_spec unit",
        "ai_recorded_answers": "step inspection_id model raw_response",
    }.items()
}

PARQUET_TYPES = {
    "reading_time": "TIMESTAMP",
    "measured_at": "TIMESTAMP",
    "output_hour": "TIMESTAMP",
    "value": "DOUBLE",
    "units_produced": "BIGINT",
}


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[dict]) -> None:
    """Rows as UTF-8 CSV with ``\\n`` line ends; an empty field is NULL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, columns: Iterable[str], rows: Iterable[dict]) -> None:
    """Rows as Parquet, by way of a CSV beside it, typed by PARQUET_TYPES (other columns are text)."""
    passage = path.with_suffix(".csv")
    write_csv(passage, columns, rows)
    types = ", ".join(f"'{column}': '{PARQUET_TYPES.get(column, 'VARCHAR')}'" for column in columns)
    source, target = (str(file).replace("'", "''") for file in (passage, path))
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.execute(
            f"copy (from read_csv('{source}', header = true, columns = {{{types}}})) to '{target}' (format parquet)"
        )
    passage.unlink()


def write_table(landing: Path, table: str, parts: dict[str, list[dict]], is_parquet: bool) -> None:
    """A landing table: one file for a single part named "", otherwise a folder with one file per part."""
    write, ending = (write_parquet, "parquet") if is_parquet else (write_csv, "csv")
    for name, rows in parts.items():
        path = landing / (f"{table}/{name}.{ending}" if name else f"{table}.{ending}")
        write(path, CONTRACTS[table], rows)
