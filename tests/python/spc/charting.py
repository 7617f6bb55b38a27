"""Plants whose landing holds series to chart, and projects with charts and phases of their own."""

import csv
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from conftest import PROJECT, Dbt, minimal_tables, write_csv

CHARTS = ("spc_points", "spc_signals", "spc_limits", "process_capability", "spc_false_alarm_budget")


def chart(chart_id: str, source: str, chart_type: str, **columns: str) -> dict:
    """A row of the seed spc_charts: every stream and every point in the baseline, all rules of Nelson."""
    return {
        "chart_id": chart_id, "source": source, "stream": "",
        "split_by": "line_id sku_id" if source == "characteristic" else "",
        "subgroup": "as_delivered", "subgroup_size": "", "chart_type": chart_type, "k": "3", "rule_set": "nelson",
        "baseline_points": "", "minimum_baseline_points": "20", "smoothing": "", "cusum_allowance": "",
        "cusum_decision": "",
        "is_enabled": "true", "description": chart_id, **columns,
    }  # fmt: skip


def phase(chart_id: str, stream: str, **columns: str | float) -> dict:
    """A row of the seed spc_phases: the first phase, from the beginning of the stream."""
    return {
        "chart_id": chart_id, "stream": stream, "entry": "phase", "phase": "1", "starts_at": "", "ends_at": "",
        "baseline_points": "", "baseline_starts_at": "", "baseline_ends_at": "", "centre_line": "", "sigma": "",
        "reason": "test", "decided_by": "test",
        "decided_at": "", **columns,
    }  # fmt: skip


def measurement(stream: str, measured_at: str, value: float | str, subgroup: str | None = None, **columns: str) -> dict:
    """A row of process_measurements; the stream is line/sku/characteristic, without subgroup the value is one."""
    line_id, sku_id, characteristic = stream.split("/")
    return {
        "measured_at": measured_at, "line_id": line_id, "sku_id": sku_id, "characteristic": characteristic,
        "subgroup_id": subgroup or measured_at, "value": repr(value) if isinstance(value, float) else value, **columns,
    }  # fmt: skip


def moments(count: int, start_day: int = 1) -> Iterator[str]:
    """Times a quarter of an hour apart, from 00:00 of a day of January 2020 on."""
    for number in range(count):
        minutes = 15 * number
        day, minute = divmod(minutes, 24 * 60)
        month_day = start_day + day
        month, month_day = 1 + (month_day - 1) // 28, 1 + (month_day - 1) % 28
        yield f"2020-{month:02d}-{month_day:02d} {minute // 60:02d}:{minute % 60:02d}:00"


def make_project(folder: Path, **seeds: Iterable[dict]) -> Path:
    """A copy of the project in which some seeds hold other rows."""
    project = folder / "project"
    shutil.copytree(
        PROJECT, project,
        ignore=lambda _, names: {name for name in names if name not in KEPT and _ == str(PROJECT)},
    )  # fmt: skip
    for name, rows in seeds.items():
        path = project / "seeds" / f"{name}.csv"
        with path.open(encoding="utf-8") as file:
            columns = next(csv.reader(file))
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
    return project


KEPT = {"dbt_project.yml", "profiles", "models", "macros", "seeds", "tests", "analyses"}


def charted_plant(folder: Path, seeds: dict[str, list[dict]], **tables: list[dict]) -> Dbt:
    """Land the tables, build every chart on them, and hand over the database."""
    landing = folder / "landing"
    landing.mkdir(parents=True)
    for name, rows in {**minimal_tables(), **tables}.items():
        write_csv(landing / f"{name}.csv", rows)
    dbt = Dbt(folder, landing, project=make_project(folder, **seeds))
    dbt.build("--select", *(f"+{model}" for model in CHARTS))
    return dbt
