"""The demo plant on DuckDB and on the stand-in for Lakehouse, side by side.

A day of the plant is kept back: the stand-in is built on what came before, built again without news, and built once more
after the day has landed.
"""

from __future__ import annotations

import atexit
import csv
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import duckdb
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from standin.engine import Engine, Refused
from standin.gateway import Gateway

ROOT = Path(__file__).parents[2]
MODEL = "qwen3.5-plus"
STEP_OF = {"ai_classify": "classify", "ai_extract": "extract", "ai_complete": "diagnose"}
VARS = {
    "plant_timezone": "America/Detroit",
    "ai_step_models": dict.fromkeys(("classify", "extract", "diagnose"), MODEL),
    "ai_batch_size": 40,
    "ai_mock": {"wrong": 0.08, "malformed": 0.05, "fenced": 0.15, "refused": 0.0, "transient": 0.0},
}


# Names of the workspace without an address: enough to parse for it.
NOBODY = {
    "CZ_SERVICE": "nowhere.invalid",
    "CZ_INSTANCE": "standin",
    "CZ_WORKSPACE": "plant",
    "CZ_USER": "dbt",
    "DBT_ENV_SECRET_CZ_PASSWORD": "nobodys",
    "CZ_SCHEMA": "faultline",
}


@dataclass
class Run:
    """What one dbt command did."""

    code: int
    output: str
    statements: list[dict] = field(default_factory=list)
    ai_calls: int = 0
    refreshes: list[dict] = field(default_factory=list)


def dbt(
    environment: dict, target_path: Path, *arguments: str, variables: dict | None = None, parsed: Path | None = None
) -> Run:
    """One dbt command, on a project that was parsed before or as a user types it."""
    beside = Path(sys.executable).parent / "dbt"
    command = [
        *(
            [str(beside)]
            if parsed is None
            else [sys.executable, str(ROOT / "tests" / "python" / "parsed_dbt.py"), str(parsed)]
        ),
        *arguments,
        "--profiles-dir",
        "profiles",
        "--vars",
        json.dumps({**VARS, **(variables or {})}),
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1500,  # of a build on a machine that is busy
        check=False,
        env={**os.environ, **environment, "DBT_TARGET_PATH": str(target_path), "DBT_LOG_PATH": str(target_path)},
    )
    return Run(done.returncode, done.stdout + done.stderr)


@functools.cache
def parsed_for_lakehouse() -> Path:
    """The project as dbt parsed it once for all tests: parsing takes longer than most commands, and vars are read later."""
    target_path = folder("parsed")
    done = dbt(NOBODY, target_path, "parse", "--target", "lakehouse")
    assert done.code == 0, done.output[-3000:]
    return target_path / "partial_parse.msgpack"


class Project:
    """dbt in this process on the parsed project, without a connection to anything."""

    def __init__(self, folder: Path):
        self.manifest = Manifest.from_msgpack(parsed_for_lakehouse().read_bytes())
        self.manifest.build_flat_graph()
        self.options = ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT / "profiles"), "--target", "lakehouse"]
        self.options += ["--target-path", str(folder), "--log-path", str(folder)]

    def __call__(self, *arguments: str, variables: dict | None = None):
        words = ["--quiet", "--no-populate-cache", *arguments, *self.options]
        with mock.patch.dict(os.environ, NOBODY):
            return dbtRunner(manifest=self.manifest).invoke(
                [*words, "--vars", json.dumps({**VARS, **(variables or {})})]
            )

    def compiled(self, template: str, variables: dict | None = None) -> str:
        done = self("compile", "--no-introspect", "--inline", template, variables=variables)
        assert done.success, done.exception
        return done.result.results[0].node.compiled_code


class Plant:
    """The landing data, the DuckDB built from it by replay, and the answers a model gives."""

    def __init__(self, folder: Path):
        self.folder = folder
        # One name: it is the catalog of every relation, and the project is parsed once for both.
        mocked_in, self.database = folder / "mock" / "plant.duckdb", folder / "replay" / "plant.duckdb"
        mocked_in.parent.mkdir()
        self.database.parent.mkdir()
        subprocess.run(
            [
                sys.executable,
                "scripts/faultline",
                "simulate",
                "--out",
                str(folder / "plant"),
                "--days",
                "4",
                "--size",
                "0.3",
            ],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        landing = folder / "plant" / "landing"
        environment = {"FAULTLINE_LANDING": str(landing), "FAULTLINE_IMAGES": str(folder / "plant" / "images")}
        models = ("seed", "model")
        kinds = [part for kind in models for part in ("--resource-type", kind)]
        mocked = dbt({**environment, "FAULTLINE_DUCKDB_PATH": str(mocked_in)}, folder / "target", "build", *kinds)
        assert mocked.code == 0, mocked.output[-3000:]
        self.record_answers(mocked_in, landing / "ai_recorded_answers.csv")
        replayed = dbt(
            {**environment, "FAULTLINE_DUCKDB_PATH": str(self.database)},
            folder / "target",
            "build",
            *kinds,
            variables={"ai_backend": "replay"},
            parsed=folder / "target" / "partial_parse.msgpack",
        )
        assert replayed.code == 0, replayed.output[-3000:]
        self.answers = self.read_answers()

    def record_answers(self, database: Path, target: Path) -> None:
        """What the mock said, as recorded answers; one picture and one prompt have one answer."""
        with duckdb.connect(str(database), read_only=True) as con:
            rows = con.execute(
                "select step, inspection_id, coalesce(first_answer, raw_response) from ("
                "select step, inspection_id, raw_response, first(raw_response) over (partition by step, image_path order by inspection_id) as first_answer "
                "from (select * from ai_classify_calls union all select * from ai_extract_calls) where state = 'answered' "
                "union all select 'diagnose', c.inspection_id, c.raw_response, "
                "first(c.raw_response) over (partition by r.prompt_text order by c.inspection_id) "
                "from ai_diagnose_calls c join ai_diagnose_requests r using (inspection_id) where c.state = 'answered') order by all"
            ).fetchall()
        target.unlink()
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["step", "inspection_id", "model", "raw_response"])
            writer.writerows([step, inspection, MODEL, raw] for step, inspection, raw in rows)

    def read_answers(self) -> dict[tuple[str, str], str]:
        answers: dict[tuple[str, str], str] = {}
        with duckdb.connect(str(self.database), read_only=True) as con:
            for step, subject, raw in con.execute(
                "select step, image_path, raw_response from ai_classify_calls union all "
                "select step, image_path, raw_response from ai_extract_calls union all "
                "select step, prompt_text, raw_response from ai_diagnose_calls join ai_diagnose_requests using (inspection_id)"
            ).fetchall():
                assert answers.setdefault((step, subject), raw) == raw, f"two answers to one question: {step} {subject}"
        return answers

    def answer(self, function: str, arguments: list) -> str:
        _, prompt, _, path = arguments
        step = STEP_OF[function]
        subject = path if step != "diagnose" else prompt
        if (step, subject) not in self.answers:
            raise Refused(f"CZLH-67000 the stand-in was asked what DuckDB did not ask: {step} {subject}")
        return self.answers[step, subject]


class Lakehouse:
    """A stand-in with its gateway, and dbt pointed at it."""

    def __init__(self, folder: Path, answer):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.engine = Engine("plant", answer)
        self.gateway = Gateway(self.engine, folder)

    def dbt(self, *arguments: str, variables: dict | None = None, is_parsed_before: bool = True) -> Run:
        """Vars that switch a model on are read when the project is parsed: is_parsed_before=False."""
        statements, refreshes = len(self.engine.log), len(self.engine.history)
        calls = sum(self.engine.ai_calls.values())
        run = dbt(
            self.gateway.environment,
            self.folder / ("target" if is_parsed_before else "parsed_anew"),
            *arguments,
            "--target",
            "lakehouse",
            variables=variables,
            parsed=parsed_for_lakehouse() if is_parsed_before else None,
        )
        run.statements = self.engine.log[statements:]
        run.refreshes = self.engine.history[refreshes:]
        run.ai_calls = sum(self.engine.ai_calls.values()) - calls
        return run

    def land(self, plant: Plant, inspections: str = "true") -> None:
        """Every landed row as DuckDB read it; of the inspections those for which the condition holds."""
        con = self.engine.con
        con.execute(f"attach if not exists '{plant.database}' as source (read_only)")
        for relation in [r for r in self.engine.relations.values() if r.schema == "landing"]:
            if (
                relation.name != "defect_inspection_records"
                and con.execute(f"select count(*) from {self.engine.target(relation)}").fetchone()[0]
            ):
                continue
            landed = [row[0] for row in con.execute(f"describe source.main.landing_{relation.name}").fetchall()]
            columns = [
                row[0] for row in con.execute(f"describe {self.engine.target(relation)}").fetchall() if row[0] in landed
            ]
            names = ", ".join(columns)
            where = inspections if relation.name == "defect_inspection_records" else "true"
            con.execute(
                f"insert into {self.engine.target(relation)} ({names}) select {names} from source.main.landing_{relation.name} where {where}"
            )
            relation.version += 1
        con.execute("delete from memory.standin.files")
        images = plant.folder / "plant" / "images"
        for path in sorted(images.rglob("*")):
            if path.is_file():
                con.execute(
                    "insert into memory.standin.files values ('user volume', ?, '', 1, timestamp '2026-09-01')",
                    [path.relative_to(images).as_posix()],
                )

    def rows(self, sql: str) -> list[tuple]:
        with self.engine.lock:
            return self.engine.con.execute(sql).fetchall()

    def write_log(self, path: Path) -> None:
        """Every statement that was sent, as a text a person can read."""
        with path.open("w", encoding="utf-8") as file:
            for number, entry in enumerate(self.engine.log, 1):
                settings = {
                    k: v for k, v in entry["settings"].items() if re.match(r"cz\.(sql\.(timezone|mv)|optimizer)", k)
                }
                file.write(
                    f"-- {number}  {entry['seconds']} s  {settings or ''}  {entry['error']}\n{entry['sql']};\n\n"
                )


def folder(name: str) -> Path:
    """A folder that is gone when the tests are over."""
    path = Path(tempfile.mkdtemp(prefix=f"faultline-{name}-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@functools.cache
def demo_plant() -> Plant:
    return Plant(folder("plant"))


@functools.cache
def three_builds() -> tuple[Lakehouse, list[Run]]:
    """The first build, one without news, one after the last day has landed."""
    plant = demo_plant()
    lakehouse = Lakehouse(folder("lakehouse"), plant.answer)
    atexit.register(lakehouse.gateway.close)
    created = lakehouse.dbt("run-operation", "create_landing", "--args", "{as_text: true}")
    assert created.code == 0, created.output[-3000:]
    lakehouse.land(plant, "inspect_time < '2026-09-04'")
    without_unit_tests = ("--exclude-resource-type", "unit_test")
    runs = [
        lakehouse.dbt("build", "--exclude", "tag:duckdb_only", is_parsed_before=False),
        lakehouse.dbt("build", *without_unit_tests, "--exclude-resource-type", "test"),
    ]
    lakehouse.land(plant, "not inspect_time < '2026-09-04' or inspect_time is null")
    runs.append(lakehouse.dbt("build", *without_unit_tests))
    artifact = ROOT / "target" / "lakehouse"
    artifact.mkdir(parents=True, exist_ok=True)
    lakehouse.write_log(artifact / "statements.sql")
    return lakehouse, runs
