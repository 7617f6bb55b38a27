"""The labelled set. An unknown label or a missing picture is the caller's to mend, not ours to skip."""

import csv
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from faultline import UsageError
from faultline.endpoint.images import ImageSettings, UnreadableImage, as_small_jpeg, read_below_root
from faultline.evaluation.reading import normalised, trimmed
from faultline.evaluation.seeds import Seeds, filled_prompt, placeholders

SHOWN_FAULTS = 10
# Columns of labels by step; the first must not be empty.
LABEL_SETS = {
    "classify": ("label",),
    "extract": ("label", "severity"),
    "diagnose": ("action", "root_cause_code", "label", "severity"),
}


class Case(NamedTuple):
    """One labelled inspection: where its picture is, and what a person said of it."""

    row: dict[str, str | None]  # columns of the file; labels as the seeds spell them
    image_path: str | None
    sha256: str | None

    def question(self, step: dict) -> tuple[str, str, str | None, str | None, str | None]:
        """What a session takes for a row. Rows that ask the same have the same name, whatever line they stand in."""
        text = None
        if step["step"] == "diagnose":
            text = filled_prompt(step["prompt_text"], {**self.row, "category": self.row.get("label")})
        sha256, image_path = (self.sha256, self.image_path) if step["sends_image"] else (None, None)
        name = hashlib.sha256(f"{sha256}|{text}".encode()).hexdigest()[:16]
        return step["step"], name, sha256, image_path, text


def required_columns(steps: list[dict]) -> set[str]:
    """What the file has to have: the label of the step, the pictures, and what the prompts ask for."""
    columns = {LABEL_SETS[steps[0]["step"]][0]}
    for step in steps:
        if step["sends_image"]:
            columns.add("image_path")
        if step["step"] == "diagnose":
            columns |= {"label" if name == "category" else name for name in placeholders(step["prompt_text"])}
    return columns


def read_cases(path: Path, steps: list[dict], images: ImageSettings, seeds: Seeds) -> list[Case]:
    """Every row of the file, or an error that names those that cannot be used."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    required = required_columns(steps)
    spellings = {column: seeds.spellings(column) for column in LABEL_SETS[steps[0]["step"]]}
    cases, faults, seen = [], [], {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            present = reader.fieldnames or []
            if not required <= set(present):
                raise UsageError(
                    f"{path} has no column {', '.join(sorted(required - set(present)))}; "
                    f"it has {', '.join(present) or 'none'}"
                )
            for row in reader:
                try:
                    case = read_case(row, required, spellings, images if "image_path" in required else None)
                    identity = case.image_path or row.get("inspection_id")
                    if identity and identity in seen:
                        raise ValueError(f"{identity!r} stands in line {seen[identity]} already")
                    seen[identity] = reader.line_num
                    cases.append(case)
                except (ValueError, UnreadableImage) as fault:
                    faults.append(f"line {reader.line_num}: {fault}")
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is no CSV in UTF-8: {error}") from None
    if faults:
        more = f"\n  and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
        shown = "\n  ".join(faults[:SHOWN_FAULTS])
        raise UsageError(f"{path} has {len(faults)} rows that cannot be used:\n  {shown}{more}")
    if not cases:
        raise UsageError(f"{path} has no rows")
    return cases


def read_case(row: dict, required: set[str], spellings: dict[str, dict], images: ImageSettings | None) -> Case:
    """One row; ValueError or UnreadableImage with the reason where it cannot be used."""
    row = {name: value for name, value in row.items() if isinstance(name, str)}
    for column, labels in spellings.items():
        said = trimmed(row.get(column))
        if said is None and column == next(iter(spellings)):
            raise ValueError(f"the {column} is empty")
        if said is not None and normalised(said) not in labels:
            raise ValueError(f"'{said}' is no {column}: {', '.join(labels.values())}")
        row[column] = labels[normalised(said)] if said is not None else None
    if images is None:
        return Case(row, None, None)
    try:
        content = read_below_root(row["image_path"], images.root)
        as_small_jpeg(content, images)  # a picture that cannot be decoded would look like a model without an answer
    except UnreadableImage as error:
        raise ValueError(f"{row['image_path']!r}: {error}") from None
    return Case(row, os.path.normpath(row["image_path"]), hashlib.sha256(content).hexdigest())
