"""A picture that makes its statement fail: `lakehouse-build` ends by itself, the others land, a person finds the row.

The command runs as a user runs it, against the stand-in: a build, and as many `dbt retry` as it takes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from harness import ROOT, VARS, Lakehouse, Run
from standin.engine import Refused

from faultline.__main__ import main

KINDS = ("--resource-type", "seed", "--resource-type", "model")
PICTURES = 20
POISONED = "day1/part13.png"
SIGNED = "https://oss.example/day1/part13.png?Signature=c2VjcmV0"
ANSWERS = {
    "ai_classify": "Appearance Defect",
    "ai_extract": '{"location": "left", "area_ratio": "0.3", "count": "1", "confidence": "0.9"}',
    "ai_complete": '{"root_cause": "nozzle", "action": "Rework", "confidence": "0.8"}',
}


def answer(function: str, arguments: list) -> str:
    if arguments[3] == POISONED:
        raise Refused(f"CZLH-42000 Failed to fetch image from URL {SIGNED}: it's gone; test plain returns 404")
    return ANSWERS[function]


def lakehouse_build(lakehouse: Lakehouse, *arguments: str) -> Run:
    """The command, with what it did to the stand-in."""
    statements, calls = len(lakehouse.engine.log), sum(lakehouse.engine.ai_calls.values())
    target = str(lakehouse.folder / "target")
    done = subprocess.run(
        [sys.executable, "scripts/faultline", "lakehouse-build", "--", *arguments, *KINDS, "--vars", json.dumps(VARS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
        env={**os.environ, **lakehouse.gateway.environment, "DBT_TARGET_PATH": target, "DBT_LOG_PATH": target},
    )
    run = Run(done.returncode, done.stdout + done.stderr)
    run.statements = lakehouse.engine.log[statements:]
    run.ai_calls = sum(lakehouse.engine.ai_calls.values()) - calls
    return run


def land(lakehouse: Lakehouse, numbers: range) -> None:
    con = lakehouse.engine.con
    for number in numbers:
        path = f"day1/part{number}.png"
        con.execute(
            "insert into plant.landing.defect_inspection_records (inspection_id, inspect_time, recorded_at, line_id, station_id, shift, sku_id, "
            "inspection_source, defect_image, raw_category, raw_severity) values (?, timestamp '2026-09-01 08:00:00' + to_minutes(?), "
            "timestamp '2026-09-01 09:00:00', 'L1', 'AOI-1', 'A', 'S1', 'aoi', ?, 'Appearance Defect', 'Minor')",
            [f"I{number:02}", number, path],
        )
        con.execute(
            "insert into plant.landing.inspection_images values (?, ?, 1000, 64, 64, 100.0, 120.0, 0.0, 'ok', null, timestamp '2026-09-01 08:59:00')",
            [path, f"sha{number:061}"],
        )
        con.execute(
            "insert into memory.standin.files values ('user volume', ?, '', 1000, timestamp '2026-09-01')", [path]
        )
    for relation in lakehouse.engine.relations.values():
        if relation.schema == "landing":
            relation.version += 1


@pytest.fixture(scope="module")
def small_plant(tmp_path_factory):
    lakehouse = Lakehouse(tmp_path_factory.mktemp("small"), answer)
    created = lakehouse.dbt("run-operation", "create_landing")
    assert created.code == 0, created.output[-3000:]
    lakehouse.engine.con.execute("insert into plant.landing.lines values ('L1', 'Line 1')")
    lakehouse.engine.con.execute("insert into plant.landing.stations values ('AOI-1', 'L1', 'aoi')")
    land(lakehouse, range(PICTURES))
    yield lakehouse
    lakehouse.gateway.close()


@pytest.fixture(scope="module")
def first_build(small_plant):
    return lakehouse_build(small_plant, "--select", "+ai_failures")


def states(lakehouse: Lakehouse, step: str) -> dict[str, int]:
    return dict(lakehouse.rows(f"select state, count(*) from plant.faultline.ai_{step}_calls group by state"))


def test_the_command_ends_by_itself(first_build):
    assert first_build.code == 0, first_build.output[-3000:]
    # classify: 20 together; then parts of 3, healthy ones first; then one by one. extract: the picture is known, and alone.
    assert first_build.output.count("An AI statement failed (ai_classify_calls)") == 3
    assert first_build.output.count("An AI statement failed (ai_extract_calls)") == 1
    failed = [entry["sql"].split(".")[2].split()[0] for entry in first_build.statements if entry["error"]]
    assert failed == ["ai_classify_calls_answers_raw"] * 3 + ["ai_extract_calls_answers_raw"]


def test_the_rest_lands(small_plant, first_build):
    assert states(small_plant, "classify") == {"answered": PICTURES - 1, "failed": 1}
    assert states(small_plant, "extract") == {"answered": PICTURES - 1, "failed": 1}
    # Diagnosis rests on the inspector's severity where no picture can be judged.
    assert states(small_plant, "diagnose") == {"answered": PICTURES}


def test_a_person_finds_the_row_and_what_lakehouse_said_of_it(small_plant, first_build):
    rows = small_plant.rows(
        "select step, inspection_id, image_path, is_given_up, failed_attempts, last_error, last_failed_at is not null "
        "from plant.faultline.ai_failures order by step"
    )
    assert [row[:5] for row in rows] == [
        ("classify", "I13", POISONED, True, 1),
        ("extract", "I13", POISONED, True, 1),
    ]
    for row in rows:
        assert "Failed to fetch image from URL https://oss.example/day1/part13.png" in row[5]
        assert "it's gone" in row[5]
        assert "job_id" in row[5]
        assert "batch" in row[5]
        assert "Signature" not in row[5], "a signed URL gives the picture to whoever reads the table"
        assert row[6]


def test_calls_are_counted_right(small_plant, first_build):
    """A call per answer in the ledger; in the journal whatever may have been paid, no less than was really asked."""
    asked = Counter()
    for (function, *_), count in small_plant.engine.ai_calls.items():
        asked[function] += count
    assert sum(asked.values()) == first_build.ai_calls
    assert asked["ai_extract"] == PICTURES
    assert asked["ai_complete"] == PICTURES
    pictures = {key[4]: count for key, count in small_plant.engine.ai_calls.items() if key[0] == "ai_classify"}
    # Once in each of the failing statements that held it, and once answered; the bad one only in those.
    assert max(pictures.values()) <= 3
    for step, function in (("classify", "ai_classify"), ("extract", "ai_extract"), ("diagnose", "ai_complete")):
        ledger = f"plant.faultline.ai_{step}_calls"
        assert small_plant.rows(f"select count(*), count(distinct call_id) from {ledger}") == [(PICTURES, PICTURES)]
        journal = small_plant.rows(f"select count(*) from {ledger}_journal")[0][0]
        assert journal >= asked[function]
        once = f"select inspection_id from {ledger} where state = 'answered' group by all having count(*) > 1"
        assert small_plant.rows(once) == []


def test_what_helps_the_ledger_has_its_key_partition_and_comment(small_plant, first_build):
    relations = small_plant.engine.relations
    for helper, key in (
        ("", ["called_at", "call_id"]),
        ("_journal", ["started_at", "batch_id", "call_id"]),
        ("_answers_raw", ["called_at", "batch_id", "call_id"]),
    ):
        relation = relations[f"faultline.ai_classify_calls{helper}"]
        assert relation.primary_key == key
        assert f"partitioned by (days({key[0]}))" in relation.clauses
        assert relation.comment


def test_what_runs_that_were_killed_left_behind_is_taken_up(small_plant, first_build):
    """I05: answered, and killed before it was collected. I06: killed while it was asked alone, so nobody knows.

    I07: its first answer came after its run was given up and the row asked again.
    """
    con = small_plant.engine.con
    ledger = "plant.faultline.ai_classify_calls"
    call_of = f"(select call_id from {ledger} where inspection_id = '{{}}')"
    con.execute(
        f"insert into {ledger}_journal select * replace ('late' as batch_id, 'killed' as run_id) "
        f"from {ledger}_journal where inspection_id = 'I07' and batch_size < 20"
    )
    con.execute(
        f"insert into {ledger}_answers_raw select * replace ('late' as batch_id, called_at + to_seconds(1) as called_at) "
        f"from {ledger}_answers_raw where call_id = {call_of.format('I07')}"
    )
    con.execute(f"delete from {ledger}_answers_raw where call_id = {call_of.format('I06')}")
    con.execute(
        f"update {ledger}_journal set batch_size = 1, run_id = 'killed' where inspection_id = 'I06' and batch_size < 20"
    )
    con.execute(f"delete from {ledger} where inspection_id in ('I05', 'I06', 'I07')")
    run = small_plant.dbt("build", "--select", "ai_classify_calls", "--resource-type", "model")
    assert run.code == 0, run.output[-2000:]
    assert run.ai_calls == 1
    assert small_plant.rows(
        f"select inspection_id, attempt, state, is_retryable from {ledger} where inspection_id in ('I05', 'I06', 'I07') order by all"
    ) == [
        ("I05", 1, "answered", True),
        ("I06", 1, "failed", True),
        ("I06", 2, "answered", True),
        ("I07", 1, "answered", True),
    ]


def test_the_budget_counts_calls_that_were_paid_and_lost(small_plant, first_build):
    land(small_plant, range(PICTURES, PICTURES + 5))
    spent = small_plant.rows(
        "select count(*) from ("
        + " union all ".join(
            f"select started_at from plant.faultline.ai_{step}_calls_journal"
            for step in ("classify", "extract", "diagnose")
        )
        + ") where started_at::date = now()::date"
    )[0][0]
    run = small_plant.dbt(
        "build",
        "--select",
        "+ai_classify_calls",
        "--resource-type",
        "model",
        variables={"ai_max_calls_per_day": spent + 2},
    )
    assert run.code == 0, run.output[-2000:]
    assert run.ai_calls == 2
    assert "3 left pending by the budget" in run.output


def test_a_fault_of_the_service_is_held_against_no_picture(small_plant, first_build, monkeypatch):
    def refuse(function, arguments):
        raise Refused("CZLH-67000 No available endpoints found")

    ledger = "plant.faultline.ai_classify_calls"
    monkeypatch.setattr(small_plant.engine, "answer", refuse)
    run = lakehouse_build(small_plant, "--select", "ai_classify_calls")
    assert run.code == 1
    assert "The AI service is at fault, no picture is: " in run.output
    assert "No available endpoints found" in run.output
    assert run.output.count("Running with dbt") == 1
    monkeypatch.undo()
    run = lakehouse_build(small_plant, "--select", "ai_classify_calls")
    assert run.code == 0, run.output[-2000:]
    # The three that the budget had left, together and at their first attempt.
    assert run.ai_calls == 3
    assert small_plant.rows(
        f"select distinct j.attempt, state, batch_size from {ledger} inner join {ledger}_journal as j using (call_id) "
        f"where j.run_id = (select run_id from {ledger} order by called_at desc limit 1)"
    ) == [(1, "answered", 3)]


def test_the_keys_of_a_storage_connection_reach_lakehouse_and_nothing_else(small_plant, monkeypatch, capsys):
    """Neither printed nor in a file: not when it works, not when Lakehouse refuses and quotes what it was sent."""
    key = "Zk9/sto+rage\\'key=="
    for name, value in {
        **small_plant.gateway.environment,
        "FAULTLINE_STORAGE_ACCESS_ID": "LTAI5tId",
        "FAULTLINE_STORAGE_ACCESS_KEY": key,
        "DBT_TARGET_PATH": str(small_plant.folder / "connection"),
        "DBT_LOG_PATH": str(small_plant.folder / "connection"),
    }.items():
        monkeypatch.setenv(name, value)
    command = ["storage-connection", "plant_oss", "--kind", "oss", "--endpoint", "oss-cn-hangzhou.aliyuncs.com"]
    started = len(small_plant.engine.log)
    assert main(command) == 0
    sent = [e["sql"] for e in small_plant.engine.log[started:] if e["sql"].startswith("create storage connection")]
    assert len(sent) == 1
    assert sent[0].endswith(r"access_id='LTAI5tId' access_key='Zk9/sto+rage\\\'key=='")
    # The stand-in takes no region in this form, and says so with the whole statement.
    assert main([*command, "--region", "cn-hangzhou"]) == 2
    printed = "".join(capsys.readouterr())
    assert "Lakehouse refused the connection" in printed
    assert "does not consist of these: create storage connection" in printed
    monkeypatch.setenv("FAULTLINE_STORAGE_ACCESS_KEY", "")
    assert main(command) == 2
    printed += "".join(capsys.readouterr())
    assert "FAULTLINE_STORAGE_ACCESS_KEY not set" in printed
    written = b"".join(path.read_bytes() for path in small_plant.folder.rglob("*") if path.is_file())
    assert b"ai_classify_calls" in written
    for secret in ("sto+rage", "LTAI5tId", small_plant.gateway.password):
        assert secret not in printed
        assert secret.encode() not in written
