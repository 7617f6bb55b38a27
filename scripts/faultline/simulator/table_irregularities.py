"""The mess in the tables around the inspections; effects as in `irregularities`.

Rows are chosen by their place near the beginning of a table, which a longer period does not move.
"""

from datetime import timedelta

from faultline.simulator.irregularities import Note
from faultline.simulator.timing import Period, stamp


def disturb_tables(period: Period, tables: dict[str, list[dict]]) -> list[Note]:
    """Plant the mess of the other tables (changed in place) and return its notes."""
    notes: list[Note] = []
    _disturb_sensors(tables["sensor_readings"], notes)
    _disturb_receipts(tables["supplier_receipts"], notes)
    _disturb_reviews(tables["human_reviews"], notes)
    _disturb_costs(tables["quality_cost_entries"], notes)

    output = tables["production_output"]
    output[5]["units_produced"] = "-5"
    key = "/".join(output[5][column] for column in ("line_id", "sku_id", "output_hour"))
    notes.append(Note("production_output", key, "negative units_produced", "quarantine"))

    sample = tables["attribute_samples"][1]
    sample["defectives"] = str(int(sample["sample_size"]) + 1)
    notes.append(
        Note(
            "attribute_samples",
            f"{sample['stream']}/{sample['sampled_at']}",
            "more defectives than sampled",
            "quarantine",
        )
    )

    acknowledgement = {
        "action_key": "fl1-00000000000000000000000000000000",
        "acknowledged_at": stamp(period.begin + timedelta(hours=9)),
        "status": "accepted",
        "mes_reference": "MES-0",
        "message": "",
    }
    tables["mes_acknowledgements"].insert(0, acknowledgement)
    notes.append(
        Note(
            "mes_acknowledgements", acknowledgement["action_key"], "answer to an action that was never sent", "handled"
        )
    )
    return notes


def _disturb_sensors(readings: list[dict], notes: list[Note]) -> None:
    def key(reading: dict) -> str:
        return f"{reading['equipment_id']}/{reading['parameter']}/{reading['reading_time']}"

    readings[40]["value"] = "NaN"
    notes.append(Note("sensor_readings", key(readings[40]), "value is NaN", "quarantine"))
    readings.insert(101, dict(readings[100]))
    notes.append(Note("sensor_readings", key(readings[100]), "exact duplicate row", "deduplicated"))
    readings.insert(201, readings[200] | {"value": "199.000"})
    notes.append(
        Note("sensor_readings", key(readings[200]), "second reading at the same time with another value", "superseded")
    )


def _disturb_receipts(receipts: list[dict], notes: list[Note]) -> None:
    # receipts 20 to 70 lie a year before the period, so that they never meet a story
    changes = (
        (20, {"quantity_received": "-40", "quantity_rejected": "0"}, "negative quantity_received", "quarantine"),
        (30, {"quantity_received": "100", "quantity_rejected": "140"}, "more rejected than received", "quarantine"),
        (40, {"supplier_id": "SUP-88"}, "unknown supplier SUP-88", "handled"),
        (50, {"sku_id": "MAT-XYZ"}, "unknown SKU MAT-XYZ", "handled"),
        (60, {"quantity_received": "0", "quantity_rejected": "0"}, "nothing received", "handled"),
    )
    for place, change, what, effect in changes:
        receipts[place].update(change)
        notes.append(Note("supplier_receipts", receipts[place]["receipt_id"], what, effect))
    receipts.insert(71, dict(receipts[70]))
    notes.append(Note("supplier_receipts", receipts[70]["receipt_id"], "exact duplicate row", "deduplicated"))


def _disturb_reviews(reviews: list[dict], notes: list[Note]) -> None:
    if not reviews:
        return
    first = reviews[0]
    stranger = first | {"review_id": "R-UNKNOWN-1", "inspection_id": "I000000-NONE-0001"}
    reviews[1:1] = [dict(first), stranger, first | {"review_id": "R-UNKNOWN-2", "reviewed_category": "Kratzer"}]
    notes.append(Note("human_reviews", first["review_id"], "exact duplicate row", "deduplicated"))
    notes.append(Note("human_reviews", "R-UNKNOWN-1", "review of an inspection that does not exist", "handled"))
    notes.append(Note("human_reviews", "R-UNKNOWN-2", 'unknown category "Kratzer"', "quarantine"))


def _disturb_costs(entries: list[dict], notes: list[Note]) -> None:
    changes = (
        (10, {"cost_category": "misc"}, 'unknown cost category "misc"', "quarantine"),
        (
            20,
            {"cost_category": f" {entries[20]['cost_category'].title()} "},
            "cost_category in odd case and padded",
            "handled",
        ),
        (30, {"amount": "-1250.00"}, "negative amount: a credit note", "handled"),
    )
    for place, change, what, effect in changes:
        entries[place].update(change)
        notes.append(Note("quality_cost_entries", entries[place]["entry_id"], what, effect))
    entries.insert(41, dict(entries[40]))
    notes.append(Note("quality_cost_entries", entries[40]["entry_id"], "exact duplicate row", "deduplicated"))
