"""A dbt project under test: builds in folders of its own, with plants of its own."""

import atexit
import csv
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

PROJECT = Path(__file__).resolve().parents[2]
REAL_PLANT = PROJECT.parent / "shared" / "data" / "plant"

sys.path.insert(0, str(PROJECT / "scripts"))


@dataclass
class Run:
    """The outcome of one dbt command."""

    exit_code: int
    output: str

    @property
    def calls(self) -> dict[str, int]:
        """AI calls of the run by step, as the ledgers report them."""
        calls = {}
        for line in self.output.splitlines():
            if "AI ledger ai_" in line and " calls (" in line:
                name, _, rest = line.split("AI ledger ai_")[1].partition("_calls: ")
                calls[name] = int(rest.split(" ")[0])
        return calls


@dataclass
class Dbt:
    """dbt on DuckDB against one landing folder, with a database and a target folder of its own."""

    folder: Path
    landing: Path
    images: Path | None = None  # None: beside the landing
    variables: dict = field(default_factory=dict)
    project: Path = PROJECT
    image_root: str | None = None  # FAULTLINE_IMAGES word for word, in place of images
    is_parsed_before: bool = True  # False: by the dbt command as a user types it

    @property
    def database(self) -> Path:
        return self.folder / "faultline.duckdb"

    def run(self, *words: str, variables: dict | None = None, succeeds: bool = True) -> Run:
        """Run `dbt <words>`; fails the test where it does not end as expected."""
        environment = {
            **os.environ,
            # Relative to the folder, so that a copy of the folder is parsed already.
            "FAULTLINE_LANDING": os.path.relpath(self.landing, self.folder),
            "FAULTLINE_DUCKDB_PATH": self.database.name,
            "DBT_TARGET_PATH": str(self.folder / "target"),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            "PYTHONHASHSEED": "0",
        }
        environment.pop("FAULTLINE_IMAGES", None)
        if self.image_root is not None or self.images is not None:
            environment["FAULTLINE_IMAGES"] = self.image_root or os.path.relpath(self.images, self.folder)
        dbt = [Path(sys.executable).with_name("dbt")]
        if self.is_parsed_before and self.project == PROJECT:
            dbt = [sys.executable, Path(__file__).with_name("parsed_dbt.py"), parsed_project()]
        command = [
            *map(str, dbt),
            *words,
            "--project-dir",
            str(self.project),
            "--profiles-dir",
            str(self.project / "profiles"),
            "--vars",
            json.dumps({**self.variables, **(variables or {})}),
        ]
        done = subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=900)
        output = done.stdout + done.stderr
        assert (done.returncode == 0) == succeeds, f"{' '.join(words)} ended with {done.returncode}:\n{output}"
        return Run(done.returncode, output)

    def build(self, *words: str, **options) -> Run:
        """`dbt build` of seeds and models, without tests."""
        return self.run("build", "--exclude-resource-types", "test", "unit_test", *words, **options)

    def query(self, sql: str) -> list[tuple]:
        """Rows of the database."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def value(self, sql: str):
        """The one value of a query."""
        ((value,),) = self.query(sql)
        return value


@functools.cache
def parsed_project() -> Path:
    """The project as dbt parsed it once for the whole session (partial_parse.msgpack)."""
    folder = Path(tempfile.mkdtemp(prefix="faultline_parsed_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    words = ["parse", "--project-dir", PROJECT, "--profiles-dir", PROJECT / "profiles", "--target-path", folder]
    # The name of the file is the catalog of every relation, so it is the one of Dbt.database.
    environment = {**os.environ, "FAULTLINE_DUCKDB_PATH": "faultline.duckdb", "DBT_LOG_PATH": str(folder / "logs")}
    done = subprocess.run(
        [Path(sys.executable).with_name("dbt"), *words], env=environment, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "partial_parse.msgpack"


@pytest.fixture(scope="session")
def small_plant(tmp_path_factory) -> Path:
    """A simulated plant of three days, with its images."""
    out = tmp_path_factory.mktemp("small") / "plant"
    subprocess.run(
        [sys.executable, PROJECT / "scripts" / "faultline", "simulate", "--out", out, "--days", "3", "--size", "0.3"],
        check=True,
        capture_output=True,
    )
    return out


@pytest.fixture
def write_landing(tmp_path) -> Callable[..., Path]:
    """Write tables of rows as landing CSVs into the test's folder, the required tables among them unless given."""
    return lambda **tables: write_tables(tmp_path / "landing", **tables)


@pytest.fixture
def project_copy(tmp_path) -> Path:
    """A copy of the project whose seeds a test may change."""
    return shutil.copytree(
        PROJECT,
        tmp_path / "project",
        ignore=shutil.ignore_patterns(".git", ".venv", "target", "logs", "demo_plant", "__pycache__"),
    )


def write_tables(landing: Path, **tables: Iterable[dict]) -> Path:
    """Write tables of rows as landing CSVs, the required tables among them unless given."""
    landing.mkdir(parents=True, exist_ok=True)
    for name, rows in {**minimal_tables(), **tables}.items():
        write_csv(landing / f"{name}.csv", rows)
    return landing


def minimal_tables() -> dict[str, list[dict]]:
    """The required landing tables with as little in them as makes a plant."""
    return {
        "lines": [{"line_id": "L1", "line_name": "Line 1"}],
        "stations": [{"station_id": "S1", "line_id": "L1", "station_type": "aoi"}],
        "skus": [{"sku_id": "P1", "sku_name": "Part", "unit_cost": "10", "rework_cost": "3"}],
        "suppliers": [{"supplier_id": "V1", "supplier_name": "Supplier"}],
        "characteristics": [{"sku_id": "P1", "characteristic": "width", "unit": "mm"}],
        "defect_inspection_records": [inspection("I1")],
    }


def inspection(inspection_id: str, **columns: str | None) -> dict:
    """A usable inspection row."""
    return {
        "inspection_id": inspection_id,
        "inspect_time": "2026-09-01 10:00:00",
        "recorded_at": "2026-09-01 10:05:00",
        "line_id": "L1",
        "station_id": "S1",
        "shift": "A",
        "sku_id": "P1",
        "inspection_source": "manual",
        "defect_image": None,
        "description": None,
        "raw_category": "Functional Failure",
        "raw_severity": "Critical",
        **columns,
    }


def image(image_path: str, **columns: str | None) -> dict:
    """A usable row of inspection_images."""
    return {
        "image_path": image_path,
        "content_sha256": f"sha-of-{image_path}",
        "quality_verdict": "ok",
        "uploaded_at": "2026-09-01 10:00:00",
        **columns,
    }


def write_csv(path: Path, rows: Iterable[dict]) -> None:
    """Write rows of dictionaries; the columns are those of all rows, in order of appearance."""
    rows = list(rows)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
