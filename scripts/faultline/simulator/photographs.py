"""The pictures of all inspections: files, rows of `inspection_images`, and what is truly on them."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from faultline.simulator.inspections import Inspection
from faultline.simulator.keyed_random import choose, stream
from faultline.simulator.pictures import camera, png, quality
from faultline.simulator.plant import STATIONS
from faultline.simulator.timing import stamp

TRUNCATED, NOT_REGISTERED, FILE_MISSING = "truncated file", "file without image row", "image row without file"
ACCIDENT_DAYS = {TRUNCATED: (1, 8), NOT_REGISTERED: (0, 9), FILE_MISSING: (2, 10)}  # plant days, one picture each


def accidents(seed: int, days: list[list[Inspection]]) -> dict[str, str]:
    """Which picture meets which accident, by inspection_id; good parts only, so that no story loses evidence."""
    fates: dict[str, str] = {}
    for fate, fated_days in ACCIDENT_DAYS.items():
        for day in fated_days:
            if day < len(days):
                pictures = [look.inspection_id for look in days[day] if look.has_image and not look.is_defective]
                if pictures:
                    fates[choose(stream(seed, "accident", fate, day), pictures)] = fate
    return fates


@dataclass(frozen=True)
class Photograph:
    """One picture: its file's bytes (None: the file is missing), landing row (None: not registered) and truth."""

    content: bytes | None
    row: dict | None
    truth: dict

    @property
    def state(self) -> str:
        return self.truth["state"]

    def save(self, folder: Path) -> None:
        if self.content is not None:
            path = folder / self.truth["image_path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.content)


def photograph(seed: int, look: Inspection, fate: str | None) -> Photograph:
    """Take one picture. The inspection learns from it how large its defect is and in which zone."""
    shot = camera.take(seed, look)
    if look.kind:
        look.area_ratio, look.zone = shot.area_ratio, shot.zone
    content = png.encode(shot.pixels)
    if fate == TRUNCATED:
        content = content[: len(content) // 3]
    height, width = shot.pixels.shape
    figures = quality.measure(shot.pixels)
    verdict, reasons = quality.verdict(figures, STATIONS[look.station_id][1])
    row = {
        "image_path": look.image_path,
        "content_sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "width_px": width,
        "height_px": height,
        **figures._asdict(),
        "quality_verdict": verdict,
        "quality_reasons": reasons,
        "uploaded_at": stamp(look.inspect_time + timedelta(seconds=20)),
    }
    if fate == TRUNCATED:
        unknown = dict.fromkeys(("width_px", "height_px", *figures._fields), "")
        row |= unknown | {"quality_verdict": "unreadable", "quality_reasons": "cannot be decoded"}
    truth = {
        "image_path": look.image_path,
        "inspection_id": look.inspection_id,
        "state": fate or shot.state,
        "kind": look.kind or "",
        "zone": shot.zone or "",
        "area_ratio": shot.area_ratio,
        "count": look.count,
        "quality_verdict": row["quality_verdict"],
    }
    return Photograph(None if fate == FILE_MISSING else content, None if fate == NOT_REGISTERED else row, truth)
