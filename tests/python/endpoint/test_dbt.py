"""The backend through dbt: ledger, budget, failures, a second run, kill and Ctrl-C."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import duckdb
import pytest
from conftest import Dbt, image, inspection, minimal_tables, write_csv

from endpoint.harness import FaultServer, jpeg_bytes, skip_near_midnight, wait_until
from faultline.endpoint.images import ImageSettings
from faultline.evaluation.labelled import read_cases
from faultline.evaluation.seeds import Seeds

pytestmark = pytest.mark.slow

STEPS = ("classify", "extract", "diagnose")
LEDGERS = "(from ai_classify_calls union all by name from ai_extract_calls union all by name from ai_diagnose_calls)"
PROMPTS = {"classify": "classify-v1", "extract": "extract-v1", "diagnose": "diagnose-v2"}


VARIABLES = {"ai_backend": "endpoint", "ai_step_prompts": PROMPTS, "resolution_order": ["raw"]}
ASKING = ["ai_classify_calls+,+ai_diagnose_answers", "ai_extract_calls+,+ai_diagnose_answers", "ai_failures"]


def review(review_id: str, inspection_id: str, **columns: str) -> dict:
    """A blind review that agrees with the first judgement."""
    return {
        "review_id": review_id,
        "inspection_id": inspection_id,
        "reviewed_at": "2026-09-02 10:00:00",
        "reviewer_id": "Q1",
        "review_reason": "audit",
        "is_blind": "true",
        "reviewed_category": "Functional Failure",
        "reviewed_severity": "Critical",
        "reviewed_action": "Scrap",
        **columns,
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Dbt:
    """Thirty inspections of 24 pictures, six of which show what another shows; everything built that asks nobody."""
    folder = tmp_path_factory.mktemp("endpoint")
    (folder / "images").mkdir()
    (folder / "landing").mkdir()
    rows, images = [], []
    for n in range(30):
        content = jpeg_bytes(colour=(n % 24 * 10, 100, 50))
        (folder / "images" / f"{n}.jpg").write_bytes(content)
        images.append(image(f"{n}.jpg", content_sha256=hashlib.sha256(content).hexdigest()))
        rows.append(inspection(f"I{n:02d}", defect_image=f"{n}.jpg", description=f"solder bridge at pin {n}"))
    reviews = [
        review("R1", "I00", reviewed_category="No Defect", reviewed_severity="No Defect", reviewed_action="Pass"),
        review("R2", "I00", reviewed_at="2026-09-03 10:00:00"),
        review("R3", "I01", is_blind="false", review_reason="disagreement"),
        review("R4", "I02"),
    ]
    tables = {"defect_inspection_records": rows, "inspection_images": images, "human_reviews": reviews}
    for name, table in {**minimal_tables(), **tables}.items():
        write_csv(folder / "landing" / f"{name}.csv", table)
    dbt = Dbt(folder, folder / "landing", folder / "images", VARIABLES)
    dbt.build("--select", "+ai_diagnose_answers", "--exclude", "ai_classify_calls+", "ai_extract_calls+")
    shutil.copy(dbt.database, folder / "prepared.duckdb")
    return dbt


@pytest.fixture
def plant(prepared, server, monkeypatch) -> Dbt:
    """The plant before the first call; always in the same place, so that dbt need not read the project anew."""
    for path in prepared.folder.glob("faultline.duckdb*"):
        path.unlink()
    shutil.copy(prepared.folder / "prepared.duckdb", prepared.database)
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", server.base_url)
    monkeypatch.setenv("FAULTLINE_AI_API_KEY", "test-0815")
    return prepared


def ask(plant: Dbt, **variables):
    return plant.build("--select", *ASKING, variables=variables)


def test_a_run_asks_each_picture_once_and_a_second_run_nothing(plant, server):
    run = ask(plant)
    assert run.calls == {"classify": 24, "extract": 24, "diagnose": 30}
    assert server.stats()["arrived"] == 78
    assert plant.query(
        f"select step, count(*), count(answered_for), sum(request_count) from {LEDGERS} group by step order by step"
    ) == [
        ("classify", 30, 6, 24),
        ("diagnose", 30, 0, 30),
        ("extract", 30, 6, 24),
    ]
    assert plant.value(f"select count(*) from {LEDGERS} where answered_for is not null and cost > 0") == 0
    assert plant.value(f"select count(*) from {LEDGERS} where served_model is null or backend <> 'endpoint'") == 0
    assert (
        plant.value("select count(*) from ai_diagnose_answers where state = 'answered' and root_cause_code is not null")
        == 30
    )
    assert plant.value("select count(*) from ai_failures") == 0
    assert set(ask(plant).calls.values()) == {0}
    assert server.stats()["arrived"] == 78

    # A ledger that is lost is paid for already: the store has every answer.
    shutil.copy(plant.folder / "prepared.duckdb", plant.database)
    ask(plant)
    assert server.stats()["arrived"] == 78
    assert plant.value(f"select count(*) from {LEDGERS}") == 90

    for path in plant.folder.rglob("*"):
        if path.is_file():
            assert b"test-0815" not in path.read_bytes(), path


def test_plan_before_anything_is_spent(plant, server):
    plan = plant.run("run-operation", "plan_inference", variables={"ai_max_calls_per_day": 100}).output
    lines = {line.split()[1]: line for line in plan.splitlines() if line.split()[1:2] and line.split()[1] in STEPS}
    assert lines["classify"].split()[5:7] == ["30", "24"]
    assert "not known yet" in lines["diagnose"]
    assert "In all 48 calls" in plan
    assert "ai_max_calls_per_day leaves 100 of 100" in plan
    assert server.stats()["arrived"] == 0


def test_the_budget_holds_over_steps_and_runs_and_downstream_is_built(plant, server):
    skip_near_midnight(600)
    run = ask(plant, ai_max_calls_per_run=30)
    assert server.stats()["arrived"] == 30
    assert run.calls == {"classify": 24, "extract": 6, "diagnose": 0}
    assert "the budget of the run or of the day is used up" in run.output
    assert plant.value("select count(*) from ai_extract_answers where state = 'pending'") > 0
    ask(plant, ai_max_calls_per_day=50)
    assert server.stats()["arrived"] == 50
    ask(plant)
    assert server.stats()["arrived"] == 78
    assert plant.value(f"select count(distinct (step, inspection_id)) from {LEDGERS} where state = 'answered'") == 90


def test_failed_rows_are_tried_in_later_runs_and_then_stand_in_ai_failures(plant, server):
    picture = plant.images / "10.jpg"
    content = picture.read_bytes()
    try:
        picture.write_bytes(b"not the picture of the landing")
        for attempt in (1, 2):
            ask(plant, ai_max_attempts=2)
            ((given_up, attempts, error),) = plant.query(
                "select is_given_up, failed_attempts, last_error from ai_failures where step = 'classify'"
            )
            assert (given_up, attempts) == (attempt >= 2, min(attempt, 2))
            assert "another SHA-256" in error
    finally:
        picture.write_bytes(content)
    ask(plant, ai_max_attempts=3)
    assert plant.value("select count(*) from ai_failures") == 0


def test_a_wrong_key_is_an_error_and_blames_no_row(plant, server):
    server.behave(shares={"401": 1.0})
    run = plant.build("--select", "ai_classify_calls", succeeds=False)
    assert "the endpoint cannot be used for step 'classify': HTTP 401" in run.output
    assert plant.value("select count(*) from ai_classify_calls") == 0
    server.behave()
    assert ask(plant).calls["classify"] == 24


def test_a_server_that_is_away_leaves_rows_pending_and_builds_the_rest(plant, monkeypatch):
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", "http://127.0.0.1:9/v1")
    run = ask(plant, ai_endpoint={"outage_seconds": 1})
    assert "rows stay pending" in run.output
    assert plant.query("select distinct state from ai_classify_answers") == [("pending",)]


def test_money_that_is_not_known_is_null_and_money_of_two_currencies_is_not_added(plant, server):
    variables = {"ai_step_models": {"classify": "qwen3-vl-plus", "extract": "mock-vision", "diagnose": "mock-text"}}
    plant.build("--select", "ai_classify_calls", variables=variables)
    assert plant.query("select count(*), count(cost), count(input_tokens) from ai_classify_calls") == [(30, 0, 30)]
    with duckdb.connect(str(plant.database)) as connection:
        connection.execute("update ai_models set currency = 'CNY' where model = 'mock-text'")
    variables["ai_max_cost_per_day"] = 10
    run = plant.build("--select", "ai_extract_calls", variables=variables, succeeds=False)
    assert "the models of the steps are priced in CNY and USD, which cannot be added" in run.output


def test_reviews_become_a_labelled_set_whose_prompts_are_those_of_the_plant(plant, tmp_path):
    ask(plant)
    file = tmp_path / "reviewed.csv"
    for only_blind, count, inspections in (
        (False, "3 reviewed", ["I00", "I01", "I02"]),
        (True, "2 blindly", ["I00", "I02"]),
    ):
        arguments = json.dumps({"file": str(file), "only_blind": only_blind})
        assert count in plant.run("run-operation", "export_labelled_set", "--args", arguments).output
        seeds = Seeds(plant.project / "seeds")
        step = seeds.step_of("mock-vision/diagnose-v2", 512)
        cases = read_cases(file, [step], ImageSettings(str(plant.images)), seeds)
        assert [case.row["inspection_id"] for case in cases] == inspections
        assert {(case.row["label"], case.row["action"]) for case in cases} == {("Functional Failure", "Scrap")}
    asked = dict(plant.query("select inspection_id, prompt_text from ai_diagnose_requests"))
    for case in cases:
        assert case.question(step)[4] == asked[case.row["inspection_id"]]


def test_what_is_set_up_wrongly_is_said(plant, monkeypatch):
    run = plant.build("--select", "ai_classify_calls", variables={"ai_endpoint": {"timeout": 5}}, succeeds=False)
    assert "the var ai_endpoint has no 'timeout'; it has timeout_seconds" in run.output
    monkeypatch.delenv("FAULTLINE_AI_BASE_URL")
    run = plant.build("--select", "ai_classify_calls", succeeds=False)
    assert "FAULTLINE_AI_BASE_URL" in run.output


def start(plant: Dbt, *words: str) -> subprocess.Popen:
    """A dbt build that the test can end before it is done."""
    environment = os.environ | {
        "FAULTLINE_LANDING": str(plant.landing),
        "FAULTLINE_IMAGES": str(plant.images),
        "FAULTLINE_DUCKDB_PATH": str(plant.database),
        "DBT_TARGET_PATH": str(plant.folder / "target"),
        "DBT_LOG_PATH": str(plant.folder / "logs"),
    }
    command = [
        str(os.path.join(os.path.dirname(sys.executable), "dbt")),
        "build",
        "--select",
        "ai_classify_calls",
        *words,
        "--project-dir",
        str(plant.project),
        "--profiles-dir",
        str(plant.project / "profiles"),
        "--vars",
        json.dumps(plant.variables),
    ]
    return subprocess.Popen(
        command, env=environment, cwd=plant.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_ctrl_c_ends_within_a_second_or_so_and_keeps_what_was_received(plant, server):
    server.behave(latency_ms=3000)
    process = start(plant)
    wait_until(lambda: server.stats()["arrived"] >= 16, 300)
    server.behave(latency_ms=3000)
    interrupted_at = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert time.monotonic() - interrupted_at < 2.5, output
    server.behave()
    assert ask(plant).calls["classify"] == 24
    assert plant.value("select count(*) from ai_classify_calls where state = 'answered'") == 30


def test_a_second_run_at_the_same_time_is_refused_with_a_clear_text(plant, server):
    server.behave(latency_ms=60000)
    first = start(plant)
    wait_until(lambda: server.stats()["arrived"] >= 1, 300)
    second = start(plant)
    try:
        output, _ = second.communicate(timeout=300)
        assert second.returncode != 0
        assert f"another run is asking the endpoint (process {first.pid}, since " in output
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()


def test_killed_dbt_runs_repeat_at_most_what_was_in_flight(plant, tmp_path, monkeypatch):
    # A server of its own, whose log outlives what is killed.
    server = FaultServer(log=tmp_path / "server.log", latency_ms=400)
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", server.base_url)
    monkeypatch.setitem(plant.variables, "ai_concurrency", 3)
    draw = random.Random(3)
    try:
        for _ in range(3):
            arrived = server.stats()["arrived"]
            process = start(plant)
            wait_until(lambda arrived=arrived: server.stats()["arrived"] > arrived, 300)
            time.sleep(draw.uniform(0.0, 1.2))
            process.kill()
            process.wait()
        done = ask(plant)
        events = [event for event in server.events() if event["event"] == "arrived"]
        assert len({event["key"] for event in events}) == 78, done.output
        assert len(events) - 78 <= 3 * 3
        with duckdb.connect(str(plant.database), read_only=True) as connection:
            counts = connection.execute(
                f"select count(*), count(distinct (step, inspection_id)) from {LEDGERS}"
            ).fetchone()
        assert counts == (90, 90)
    finally:
        server.stop()
