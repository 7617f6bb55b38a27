"""A picture that makes its statement fail: the others land, the row is recorded, and the journal shows how."""

from __future__ import annotations

import pytest
from harness import Lakehouse
from standin.engine import Refused

PICTURES = 20
POISONED = "day1/part13.png"


def answer(function: str, arguments: list) -> str:
    if arguments[3] == POISONED:
        raise Refused("CZLH-42000 Failed to fetch image from URL")
    return "Appearance Defect"


@pytest.fixture(scope="module")
def small_plant(tmp_path_factory):
    lakehouse = Lakehouse(tmp_path_factory.mktemp("small"), answer)
    created = lakehouse.dbt("run-operation", "create_landing")
    assert created.code == 0, created.output[-3000:]
    con = lakehouse.engine.con
    con.execute("insert into plant.landing.lines values ('L1', 'Line 1')")
    con.execute("insert into plant.landing.stations values ('AOI-1', 'L1', 'aoi')")
    for number in range(PICTURES):
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
        relation.version += 1
    yield lakehouse
    lakehouse.gateway.close()


def test_a_poisoned_picture_ends_alone_and_the_rest_lands(small_plant):
    codes, landed = [], []
    for _ in range(6):
        run = small_plant.dbt(
            "build", "--select", "+ai_classify_calls", "--resource-type", "seed", "--resource-type", "model"
        )
        codes.append(run.code)
        landed.append(
            small_plant.rows("select count(*) from plant.faultline.ai_classify_calls where state = 'answered'")[0][0]
        )
        if run.code == 0:
            break
    # 20 together; then parts of 3, healthy ones first; then one by one; then it is written down.
    assert codes == [1, 1, 1, 0]
    assert landed == [0, 12, 18, 19]
    failed = small_plant.rows(
        "select inspection_id, attempt, is_retryable, finish_reason, error from plant.faultline.ai_classify_calls where state = 'failed'"
    )
    assert [row[:4] for row in failed] == [("I13", 1, False, "statement_failed")]
    assert "job_history" in failed[0][4]


def test_answers_that_were_stored_are_never_asked_again(small_plant):
    asked = {key[4]: count for key, count in small_plant.engine.ai_calls.items()}
    answered = small_plant.rows(
        "select batch_id, count(*) from plant.faultline.ai_classify_calls_answers_raw group by all"
    )
    assert sum(count for _, count in answered) == PICTURES - 1
    assert max(asked.values()) <= 3
    assert small_plant.rows(
        "select max(n) from (select call_id, count(*) as n from plant.faultline.ai_classify_calls group by all)"
    ) == [(1,)]


def test_a_run_without_news_asks_nothing_and_writes_nothing(small_plant):
    run = small_plant.dbt("build", "--select", "ai_classify_calls", "--resource-type", "model")
    assert run.code == 0
    assert run.ai_calls == 0
    assert "0 calls" in run.output


def test_an_answer_whose_run_was_killed_before_it_was_collected_is_collected(small_plant):
    con = small_plant.engine.con
    con.execute("delete from plant.faultline.ai_classify_calls where inspection_id = 'I05'")
    run = small_plant.dbt("build", "--select", "ai_classify_calls", "--resource-type", "model")
    assert run.code == 0
    assert run.ai_calls == 0
    assert small_plant.rows("select state from plant.faultline.ai_classify_calls where inspection_id = 'I05'") == [
        ("answered",)
    ]


def test_the_budget_counts_calls_that_were_paid_and_lost(small_plant):
    con = small_plant.engine.con
    con.execute(
        "insert into plant.landing.defect_inspection_records select inspection_id || 'b', inspect_time + to_days(1), recorded_at + to_days(1), "
        "line_id, station_id, shift, sku_id, part_serial, supplier_id, supplier_lot_id, inspector_id, inspection_source, aoi_verdict, "
        "defect_image, description, raw_category, raw_severity from plant.landing.defect_inspection_records where inspection_id < 'I05'"
    )
    small_plant.engine.relations["landing.defect_inspection_records"].version += 1
    spent = small_plant.rows(
        "select count(*) from plant.faultline.ai_classify_calls_journal where started_at::date = now()::date"
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
