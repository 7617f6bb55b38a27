"""What is true about the plant, for tests and for people; no model may read it."""

import json
from pathlib import Path

from faultline.simulator.inspections import Inspection
from faultline.simulator.irregularities import Note
from faultline.simulator.landing import write_csv

COUNTED = {"quarantine": "quarantined", "deduplicated": "exact_duplicates", "superseded": "superseded"}


def counts(tables: dict[str, int], notes: list[Note]) -> dict[str, dict[str, int]]:
    """Per table the rows landed and their fate: quarantine first, then exact duplicates, then the latest version."""
    result = {
        table: {"rows": rows, "quarantined": 0, "exact_duplicates": 0, "superseded": 0}
        for table, rows in tables.items()
    }
    for note in notes:
        if note.effect in COUNTED:
            result[note.table][COUNTED[note.effect]] += 1
    for figures in result.values():
        figures["kept"] = figures["rows"] - figures["quarantined"] - figures["exact_duplicates"] - figures["superseded"]
    return result


def inspection_truth(look: Inspection) -> dict:
    return {
        "inspection_id": look.inspection_id,
        "line_id": look.line.line_id,
        "category": look.category,
        "severity": look.severity,
        "kind": look.kind or "",
        "count": look.count,
        "area_ratio": look.area_ratio,
        "zone": look.zone or "",
    }


def write_truth(
    folder: Path,
    stories: list[dict],
    notes: list[Note],
    looks: list[Inspection],
    images: list[dict],
    table_counts: dict[str, int],
) -> None:
    """Write ``stories.json``, ``irregularities.csv``, ``inspections.csv``, ``images.csv`` and ``counts.json``."""
    folder.mkdir(parents=True)
    for name, content in (("stories.json", stories), ("counts.json", counts(table_counts, notes))):
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    write_csv(folder / "irregularities.csv", Note._fields, [note._asdict() for note in notes])
    inspection_columns = ("inspection_id", "line_id", "category", "severity", "kind", "count", "area_ratio", "zone")
    write_csv(folder / "inspections.csv", inspection_columns, [inspection_truth(look) for look in looks])
    image_columns = ("image_path", "inspection_id", "state", "kind", "zone", "area_ratio", "count", "quality_verdict")
    write_csv(folder / "images.csv", image_columns, images)
