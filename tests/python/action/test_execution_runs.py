"""Verdicts change from run to run; the outbox says so without a second ticket, and the MES hears of it once."""

import json
import os
import shlex
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import PROJECT, Dbt, inspection, write_csv, write_tables

sys.path.insert(0, str(Path(__file__).parent))
from mes_server import MesServer

ACTIONS = "select kind, subject_id, version, operation, state from mes_actions order by all"
PAYLOADS = "select action_key, version, payload, emitted_at from mes_action_log order by all"


def review(number: int, inspection_id: str, action: str, day: int) -> dict:
    return {
        "review_id": f"R{number}",
        "inspection_id": inspection_id,
        "reviewed_at": f"2026-09-{day:02d} 10:00:00",
        "reviewer_id": "QE",
        "review_reason": "requested",
        "is_blind": "false",
        "reviewed_category": "Material Issue",
        "reviewed_severity": "Critical",
        "reviewed_action": action,
    }


@pytest.fixture
def plant(tmp_path) -> Dbt:
    landing = write_tables(
        tmp_path / "landing",
        defect_inspection_records=[inspection(name) for name in ("I1", "I2", "I3")],
        human_reviews=[review(1, "I1", "Scrap", 2), review(2, "I2", "Rework", 2), review(3, "I3", "Pass", 2)],
    )
    return Dbt(tmp_path, landing)


def build(plant: Dbt, *words: str) -> None:
    """The way to the outbox only."""
    plant.build("--select", "+mes_actions", *words)


def push(plant: Dbt, *options: str) -> str:
    environment = {
        **os.environ,
        "FAULTLINE_LANDING": str(plant.landing),
        "FAULTLINE_DUCKDB_PATH": str(plant.database),
        "DBT_LOG_PATH": str(plant.folder / "logs"),
    }
    done = subprocess.run(
        [sys.executable, str(PROJECT / "scripts" / "faultline"), "push-actions", *options],
        env=environment,
        cwd=plant.folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_changed_verdict_reverses_and_amends_and_nothing_is_rewritten(plant, tmp_path):
    build(plant)
    assert plant.query(ACTIONS) == [
        ("rework", "I2", 1, "create", "pending"),
        ("scrap", "I1", 1, "create", "pending"),
    ]
    first = plant.query(PAYLOADS)

    build(plant, "--full-refresh")
    assert plant.query(PAYLOADS) == first

    server = MesServer(tmp_path / "mes.sqlite", 0, trouble=0, seed=1)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    assert "2 accepted" in push(plant, "--url", url)
    assert "0 actions" in push(plant, "--url", url)  # before dbt has read the answers

    # I1 is reworked after all; I2 stays, but its severity does not; I3 is scrapped
    changed = [review(4, "I1", "Rework", 3), {**review(5, "I2", "Rework", 3), "reviewed_severity": "Minor"}]
    reviews = [review(1, "I1", "Scrap", 2), review(2, "I2", "Rework", 2), review(3, "I3", "Pass", 2)]
    write_csv(plant.landing / "human_reviews.csv", [*reviews, *changed, review(6, "I3", "Scrap", 3)])
    build(plant)
    assert plant.query(ACTIONS) == [
        ("rework", "I1", 1, "create", "pending"),
        ("rework", "I2", 1, "create", "accepted"),
        ("rework", "I2", 2, "amend", "pending"),
        ("scrap", "I1", 1, "create", "accepted"),
        ("scrap", "I1", 2, "reverse", "pending"),
        ("scrap", "I3", 1, "create", "pending"),
    ]
    assert [row for row in plant.query(PAYLOADS) if row in first] == first
    amended = plant.value("select payload from mes_actions where subject_id = 'I2' and version = 2")
    assert json.loads(amended)["severity"] == "Minor"

    # and back again: the same key goes on, with the next version
    write_csv(plant.landing / "human_reviews.csv", [*reviews, *changed, review(7, "I1", "Scrap", 4)])
    build(plant)
    assert plant.query(
        "select version, operation from mes_actions where kind = 'scrap' and subject_id = 'I1' order by 1"
    ) == [
        (1, "create"),
        (2, "reverse"),
        (3, "create"),
    ]
    push(plant, "--url", url, "--batch-size", "10")
    build(plant)
    assert plant.query("select distinct state from mes_actions order by 1") == [("accepted",), ("reversed",)]
    server.shutdown()
    with sqlite3.connect(tmp_path / "mes.sqlite") as store:
        assert store.execute("select * from violations").fetchall() == []
        assert store.execute("select count(*) from accepted").fetchone()[0] == plant.value(
            "select count(*) from mes_actions"
        )


def test_an_inspection_that_is_gone_takes_no_ticket_back(plant):
    build(plant)
    write_csv(plant.landing / "defect_inspection_records.csv", [inspection("I2")])
    build(plant)
    assert plant.query("select subject_id, version, is_subject_missing from mes_actions order by 1") == [
        ("I1", 1, True),
        ("I2", 1, False),
    ]


def test_an_export_hands_over_once(plant):
    build(plant)
    out = plant.folder / "out" / "actions.csv"
    assert "2 handed over" in push(plant, "--csv", str(out))
    assert out.read_text().count("\n") == 3
    assert "0 handed over" in push(plant, "--csv", str(plant.folder / "out" / "second.csv"))
    build(plant)
    assert plant.query("select distinct state from mes_actions") == [("sent",)]


def test_the_commands_of_the_docs_work_on_a_landing_like_that_of_the_demo_plant(plant):
    """Its answers are one file: the dry run only looks, the export adopts it as the line in the docs says."""
    write_csv(
        plant.landing / "mes_acknowledgements.csv",
        [{"action_key": "fl1-unknown", "acknowledged_at": "2026-09-01 10:00:00", "status": "accepted"}],
    )
    build(plant)
    start = ".venv/bin/python scripts/faultline push-actions "
    lines = (PROJECT / "docs" / "execution.md").read_text(encoding="utf-8").splitlines()
    commands = [shlex.split(line.strip().removeprefix(start)) for line in lines if line.strip().startswith(start)]
    assert [options[0] for options in commands] == ["--dry-run", "--csv", "--url"]
    before = sorted(plant.landing.rglob("*"))
    assert push(plant, *commands[0]).count(" create ") == 2
    assert sorted(plant.landing.rglob("*")) == before
    assert "2 handed over" in push(plant, *commands[1])
    build(plant)
    assert plant.query("select distinct state from mes_actions") == [("sent",)]


def test_money_of_a_small_plant_by_hand(plant):
    """P1 costs 10 and 3 to rework: 10 of scrap, 3 of rework, 3 looks again x 6 minutes x 0.75 = 13.50."""
    plant.build("--select", "+failure_costs")
    assert plant.query("select cost_item, sum(amount) from failure_costs group by 1 order by 1") == [
        ("re-inspection", 13.5),
        ("rework", 3.0),
        ("scrap", 10.0),
    ]
