"""The commands where something is missing: a clear text, and nothing left behind."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT

COMMANDS = (["supplier-report", "V1", "2026-09", "--no-pdf"], ["push-actions", "--dry-run"], ["summary"])
BY_NAME = pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])


def faultline(folder: Path, *words: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "FAULTLINE_LANDING": str(folder / "landing"),
        "FAULTLINE_DUCKDB_PATH": str(folder / "plant.duckdb"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    return subprocess.run(
        [sys.executable, PROJECT / "scripts" / "faultline", *words],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


@BY_NAME
def test_a_database_that_is_not_there_is_not_made(tmp_path, words):
    done = faultline(tmp_path, *words)
    assert done.returncode == 2
    assert f"there is no database {tmp_path / 'plant.duckdb'}: run make build first" in done.stderr
    assert list(tmp_path.glob("plant.duckdb*")) == []
    assert not (tmp_path / "landing").exists()


@BY_NAME
def test_a_database_without_the_tables_says_which_one_is_missing(tmp_path, words):
    duckdb.connect(str(tmp_path / "plant.duckdb")).close()
    before = (tmp_path / "plant.duckdb").read_bytes()
    done = faultline(tmp_path, *words)
    assert done.returncode == 2
    table = {"supplier-report": "supplier_quality_monthly", "push-actions": "mes_actions", "summary": "inspections"}
    assert f"holds no {table[words[0]]}: run " in done.stderr
    assert "Catalog Error" not in done.stderr
    assert (tmp_path / "plant.duckdb").read_bytes() == before


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    """`summary | head`: the pipe is closed before a line is written."""
    duckdb.connect(str(tmp_path / "plant.duckdb")).execute("create table inspections (is_defect boolean)").close()
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, PROJECT / "scripts" / "faultline", "summary", "--database", tmp_path / "plant.duckdb"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 141


def test_docs_of_a_database_that_holds_no_build_are_built_first(tmp_path):
    """The tools are stand-ins, the environment one of the test's own: only what make would run is looked at."""
    duckdb.connect(str(tmp_path / "plant.duckdb")).close()
    tools = tmp_path / "tools"
    (tools / "bin").mkdir(parents=True)
    (tools / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tools / "bin" / "dbt").write_text('#!/bin/sh\necho "dbt $*"\n')
    for tool in (tools / "bin").iterdir():
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    (tools / ".main").touch()  # newer than the lock file: nothing is installed
    done = subprocess.run(
        ["make", "-C", PROJECT, "docs", f"VENV={tools}"],
        env={
            **os.environ,
            "FAULTLINE_LANDING": str(tmp_path),
            "FAULTLINE_DUCKDB_PATH": str(tmp_path / "plant.duckdb"),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "dbt build --profiles-dir profiles" in done.stdout
    assert done.returncode != 0  # the stand-in builds nothing, so there is nothing to document
    assert "docs generate" not in done.stdout
