"""Puts a whole plant into a folder: simulate, photograph, judge, disturb, keep what has landed, write."""

from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import Path

from faultline.simulator import (
    answers,
    irregularities,
    judgements,
    materials,
    money,
    photographs,
    plant,
    process,
    stories,
    table_irregularities,
    truth,
)
from faultline.simulator.inspections import Inspection, simulate_inspections
from faultline.simulator.irregularities import INSPECTIONS, Note, Row
from faultline.simulator.landing import CONTRACTS, write_table
from faultline.simulator.photographs import Photograph
from faultline.simulator.timing import Period, stamp

PARQUET_TABLES = ("sensor_readings", "process_measurements", "production_output")


@dataclass(frozen=True)
class Built:
    """What was written: rows per landing table, and the number of picture files."""

    rows_by_table: dict[str, int]
    picture_files: int


def build(folder: Path, seed: int, period: Period, size: float) -> Built:
    """Write landing/, images/ and truth/ into an empty ``folder``.

    What was recorded before the end of the period has landed, so the rows of a shorter period are among those of a
    longer one. Raises OSError if the folder cannot be written.
    """
    days = simulate_inspections(seed, period, size)
    fates = photographs.accidents(seed, days)
    pictures = _photograph(folder / "images", seed, period, days, fates)
    notes = [
        Note("inspection_images", picture.truth["image_path"], picture.state, "handled")
        for inspection_id, picture in pictures.items()
        if inspection_id in fates
    ]
    # the mess is planted before anything is left out, so that a day is disturbed alike however long the period is
    records = [
        row for day, looks in enumerate(days) for row in irregularities.disturb(seed, day, _records(seed, looks))
    ]
    records = sorted((row for row in records if row.recorded_at < period.end), key=lambda row: row.place)
    notes += irregularities.notes_of(records)
    landed_ids = {row.values["inspection_id"] for row in records}
    looks = [look for day in days for look in day if look.inspection_id in landed_ids]
    tables: dict[str, list[dict]] = _master_tables() | {
        "inspection_images": sorted(
            (picture.row for picture in pictures.values() if picture.row),
            key=lambda row: (row["uploaded_at"], row["image_path"]),
        ),
        "supplier_receipts": [_receipt(receipt) for receipt in materials.receipts(seed, period)],
        "quality_cost_entries": money.quality_cost_entries(seed, period),
        "net_sales": money.net_sales(seed, period),
        "mes_acknowledgements": money.mes_acknowledgements(seed, period, looks),
        "line_stop_releases": money.line_stop_releases(period),
    }
    for table in ("sensor_readings", "process_measurements", "attribute_samples", "production_output"):
        produce = getattr(process, table)
        tables[table] = [row for day in range(period.days) for row in produce(seed, period, day)]
    tables["ai_recorded_answers"], labels, answer_notes = _recorded_answers(
        seed, looks, {key: picture for key, picture in pictures.items() if key not in fates}
    )
    reviews = [judgements.review(seed, period, look, labels.get(look.inspection_id)) for look in looks]
    tables["human_reviews"] = sorted(
        (one for one in reviews if one), key=lambda one: (one["reviewed_at"], one["review_id"])
    )
    notes += table_irregularities.disturb_tables(period, tables) + answer_notes
    tables[INSPECTIONS] = [row.values for row in records]

    for table in CONTRACTS:
        parts = {"": tables[table]}
        if table == INSPECTIONS:
            parts = _by_week(period, records)
        elif table == "sensor_readings":
            parts = _by_day(period, tables[table])
        write_table(folder / "landing", table, parts, table in PARQUET_TABLES)
    rows_by_table = {table: len(tables[table]) for table in CONTRACTS}
    told = stories.told(period, materials.bad_lot(seed, period).supplier_lot_id)
    truth.write_truth(
        folder / "truth", told, notes, looks, [picture.truth for picture in pictures.values()], rows_by_table
    )
    return Built(rows_by_table, sum(picture.state != photographs.FILE_MISSING for picture in pictures.values()))


def _photograph(
    folder: Path, seed: int, period: Period, days: list[list[Inspection]], fates: dict[str, str]
) -> dict[str, Photograph]:
    """Take all pictures, file those that have landed, and return these by inspection_id, without their bytes."""
    landed: dict[str, Photograph] = {}
    for look in (look for looks in days for look in looks if look.has_image):
        picture = photographs.photograph(seed, look, fates.get(look.inspection_id))
        if look.recorded_at < period.end:
            picture.save(folder)
            landed[look.inspection_id] = replace(picture, content=None)
    return landed


def _records(seed: int, looks: list[Inspection]) -> list[Row]:
    """The records of one day, with the first human judgement, in the order in which they were made."""
    for look in looks:
        judgements.judge(seed, look)
    return [_record(look) for look in sorted(looks, key=lambda look: look.recorded_at)]


def _record(look: Inspection) -> Row:
    verdict = ("suspect" if look.is_suspect else "pass") if look.is_camera else ""
    nobody = look.is_camera and look.raw_category is None  # the camera alone has seen this part
    values = {
        "inspection_id": look.inspection_id,
        "inspect_time": stamp(look.inspect_time),
        "recorded_at": stamp(look.recorded_at),
        "line_id": look.line.line_id,
        "station_id": look.station_id,
        "shift": look.shift,
        "sku_id": look.sku_id,
        "part_serial": look.part_serial,
        "supplier_id": look.lot.supplier_id if look.lot else "",
        "supplier_lot_id": look.lot.supplier_lot_id if look.lot else "",
        "inspector_id": "" if nobody else look.inspector_id,
        "inspection_source": "aoi" if look.is_camera else "manual",
        "aoi_verdict": verdict,
        "defect_image": look.image_path or "",
        "description": look.description or "",
        "raw_category": look.raw_category or "",
        "raw_severity": look.raw_severity or "",
    }
    return Row(values, look.recorded_at, look.recorded_at)


def _recorded_answers(
    seed: int, looks: list[Inspection], readable: dict[str, Photograph]
) -> tuple[list[dict], dict[str, str], list[Note]]:
    """The answers for replay, the label behind each classification, and notes on odd answers."""
    rows, labels, notes = [], {}, []

    def record(step: str, look: Inspection, answer: tuple[str, str | None]) -> None:
        text, oddity = answer
        rows.append({"step": step, "inspection_id": look.inspection_id, "model": answers.MODEL, "raw_response": text})
        if oddity:
            notes.append(Note("ai_recorded_answers", f"{step}/{look.inspection_id}", oddity, "handled"))

    for look in looks:
        category = None
        if look.inspection_id in readable:
            category = labels[look.inspection_id] = answers.recorded_category(
                seed, look, readable[look.inspection_id].row["quality_verdict"] == "poor"
            )
            record("classify", look, answers.classify(seed, look, category))
            record("extract", look, answers.extract(seed, look, category))
        if answers.wants_diagnosis(look, category):
            record("diagnose", look, answers.diagnose(seed, look, category))
    return rows, labels, notes


def _receipt(receipt: materials.Receipt) -> dict:
    return vars(receipt) | {
        "received_at": stamp(receipt.received_at),
        "promised_at": stamp(receipt.promised_at),
        "quantity_rejected": "" if receipt.quantity_rejected is None else receipt.quantity_rejected,
    }


def _by_week(period: Period, records: list[Row]) -> dict[str, list[dict]]:
    """Inspection records by the week (seven plant days) in which they stand, named by its first local date."""
    parts: dict[str, list[dict]] = {}
    for row in records:
        week = period.day_of(row.place) // 7
        parts.setdefault(f"week-{period.date_of(week * 7)}", []).append(row.values)
    return parts


def _by_day(period: Period, readings: list[dict]) -> dict[str, list[dict]]:
    """Sensor readings by plant day, named by its local date."""
    begins = [stamp(period.day_begin(day)) for day in range(period.days)]
    parts: dict[str, list[dict]] = {str(period.date_of(day)): [] for day in range(period.days)}
    for reading in readings:
        day = bisect_right(begins, reading["reading_time"]) - 1
        parts[str(period.date_of(day))].append(reading)
    return parts


def _master_tables() -> dict[str, list[dict]]:
    skus = plant.SKUS_MADE | plant.SKUS_BOUGHT
    made_on = {
        item.name: [line for line in plant.LINES.values() if line.characteristic == item.name]
        for item in plant.CHARACTERISTICS.values()
    }
    measured = {
        (sku_id, name)
        for name, lines in made_on.items()
        for line in lines
        for sku_id in line.skus
        if sku_id != "ASY-60"
    }
    return {
        "lines": [{"line_id": line.line_id, "line_name": line.name} for line in plant.LINES.values()],
        "stations": [
            {"station_id": station, "line_id": line, "station_type": kind}
            for station, (line, kind) in plant.STATIONS.items()
        ],
        "skus": [
            {
                "sku_id": sku,
                "sku_name": name,
                "unit_cost": cost,
                "rework_cost": rework,
                "scrap_recovery": "" if recovery is None else recovery,
            }
            for sku, (name, cost, rework, recovery) in skus.items()
        ],
        "suppliers": [
            {"supplier_id": supplier, "supplier_name": name} for supplier, (name, _, _) in plant.SUPPLIERS.items()
        ],
        "characteristics": [_characteristic(sku_id, plant.CHARACTERISTICS[name]) for sku_id, name in sorted(measured)],
    }


def _characteristic(sku_id: str, item: plant.Characteristic) -> dict:
    return {
        "sku_id": sku_id,
        "characteristic": item.name,
        "lower_spec": item.lower,
        "target": item.target,
        "upper_spec": item.upper,
        "unit": item.unit,
    }
