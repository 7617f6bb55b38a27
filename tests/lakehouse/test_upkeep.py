"""What is done to a Lakehouse that stands: operations, a changed model, the inline table, the export for Studio.

Runs after the three builds, on the same stand-in.
"""

from __future__ import annotations

import json

import pytest
from harness import three_builds

from faultline.__main__ import main


def operation(lakehouse, name: str, arguments: dict | None = None, **options):
    return lakehouse.dbt("run-operation", name, "--args", json.dumps(arguments or {}), **options)


@pytest.fixture(scope="module")
def built():
    return three_builds()[0]


def test_suspend_refresh_resume(built):
    assert operation(built, "suspend", {"models": ["inspections"]}).code == 0
    assert built.engine.relations["faultline.inspections"].suspended
    refused = operation(built, "refresh", {"models": ["inspections"]})
    assert refused.code != 0
    assert operation(built, "resume", {"models": ["inspections"]}).code == 0
    refreshed = operation(built, "refresh", {"models": ["inspections"]})
    assert refreshed.code == 0
    assert [refresh["refresh_mode"] for refresh in refreshed.refreshes] == ["NO_DATA"]


def test_a_changed_model_is_replaced_and_its_readers_follow(built):
    changed = built.dbt("run", "--select", "inspections+", variables={"plant_timezone": "Asia/Shanghai"})
    assert changed.code == 0, changed.output[-3000:]
    replaced = [
        e["sql"].split()[5] for e in changed.statements if e["sql"].lower().startswith("create or replace dynamic")
    ]
    assert "plant.faultline.inspections" in replaced
    for entry in changed.statements:
        if entry["sql"].lower().startswith("refresh dynamic"):
            assert entry["settings"].get("cz.sql.mv.check.before.replacing.sql", "true") == "true"
    again = built.dbt("run", "--select", "inspections+")
    assert again.code == 0
    assert built.rows("select count(*) from plant.faultline.inspections") == built.rows(
        "select count(*) from plant.faultline.defect_analysis"
    )


def test_recreated_tables_are_dropped_after_their_readers(built):
    """Where OR REPLACE is refused: Lakehouse drops no dynamic table that another one reads."""
    settings = {
        "refresh_interval": None,
        "vcluster": None,
        "lifecycle_days": 400,
        "recreate": True,
        "retention_days": 7,
    }
    changed = built.dbt("run", "--select", "dispositions+", variables={"lakehouse": settings})
    assert changed.code == 0, changed.output[-3000:]
    said = [entry["sql"].replace("`", "").split() for entry in changed.statements]
    dropped = [words[-1].split(".")[-1] for words in said if words[:3] == ["drop", "dynamic", "table"]]
    created = [words[3].split(".")[-1] for words in said if words[:3] == ["create", "dynamic", "table"]]
    assert dropped[-1] == "dispositions"
    assert {"dispositions", "wanted_mes_actions", "mes_actions"} <= set(dropped)
    assert sorted(created) == sorted(dropped)
    assert created[0] == "dispositions"
    for reader in dropped:
        for source in built.engine.relations[f"faultline.{reader}"].sources:
            if source.removeprefix("faultline.") in dropped:
                assert dropped.index(reader) < dropped.index(source.removeprefix("faultline."))
    back = built.dbt("run", "--select", "dispositions+")
    assert back.code == 0, back.output[-3000:]


def test_the_doctor_tells_what_it_finds_and_cleans_up(built, monkeypatch):
    monkeypatch.setattr(built.engine, "answer", lambda function, arguments: "No Defect")
    done = operation(built, "lakehouse_doctor", {"ask_ai": True, "picture": "day1/part7.png"})
    assert done.code == 0, done.output[-3000:]
    for words in (
        "length 4, 1, 1",
        'read back as say "x" and say "x"',
        "2.1% is None",
        "1 January is 2025-12-31 19:00:00",
        "stands in SHOW CREATE TABLE: yes",
        "after one new row was INCREMENTAL",
        "CanBeIncrementalized: yes",
        "the refresh after it was FULL",
        "CanBeIncrementalized: no: source faultline.faultline_doctor_view is a view",
        "CanBeIncrementalized: no: get_presigned_url is not deterministic",
        "answered: No Defect",
        "made by https://standin.invalid;",
        "Left: the checks where an error is one of the answers",
    ):
        assert words in done.output, words
    assert not [name for name in built.engine.relations if "doctor" in name]


def test_the_doctor_says_what_an_error_means_before_it_happens(built):
    refused = operation(built, "lakehouse_doctor", {"only": [32]})
    assert refused.code != 0
    said = refused.output.index("An error now means: as documented: an interval changes by OR REPLACE alone")
    assert said < refused.output.index("REFRESH INTERVAL 10 MINUTE".lower(), said)


def test_inline_inference_pays_again_and_is_noticed(built, monkeypatch):
    """The reason for the ledger: the vendor's form repeats every call at a full refresh, and this one cannot avoid it."""
    monkeypatch.setattr(built.engine, "answer", lambda function, arguments: "{}")
    # The var switches the model on, so it has to be there when the project is parsed.
    inline = {"variables": {"inference_mode": "inline"}, "is_parsed_before": False}
    first = built.dbt("run", "--select", "defect_analysis_dt", **inline)
    assert first.code == 0, first.output[-3000:]
    assert "calls the model again for EVERY row" in first.output
    assert first.ai_calls > 0
    built.engine.relations["faultline.ods_defect_inspection_records"].version += 1
    second = built.dbt("run", "--select", "defect_analysis_dt", **inline)
    assert second.ai_calls == first.ai_calls
    assert [refresh["reason"] for refresh in second.refreshes] == ["get_presigned_url is not deterministic"]
    explained = operation(built, "explain_incremental", {"models": ["defect_analysis_dt"]}, **inline)
    assert "no: get_presigned_url is not deterministic" in explained.output
    alert = operation(built, "refresh_history", {"limit": 5}, **inline)
    assert alert.code != 0
    assert "every AI call in it was made again" in alert.output


def test_the_refreshes_of_the_studio_export_run(built, tmp_path):
    """What deploy.sh does with them is in test_studio_export."""
    out = tmp_path / "studio"
    where = ["--manifest", str(built.folder / "target" / "manifest.json"), "--out", str(out)]
    assert main(["studio-export", *where]) == 0
    tasks = json.loads((out / "tasks.json").read_text())["tasks"]
    seen: set[str] = set()
    for task in tasks:
        assert set(task["after"]) <= seen, task
        seen.add(task["name"])
    # Without the inline table, which this manifest does not have, and without what a doctor that ended early left behind.
    others = ("defect_analysis_dt", "faultline_doctor_dynamic")
    dynamic = {r.name for r in built.engine.relations.values() if r.kind == "dynamic" and r.name not in others}
    assert {task["name"].removeprefix("faultline_refresh_") for task in tasks} == dynamic
    for task in tasks:
        setting, statement = [part.strip() for part in (out / task["file"]).read_text().split(";") if part.strip()]
        assert setting == "set cz.sql.timezone = UTC"
        built.engine.run(statement, {"cz.sql.timezone": "UTC"}, "faultline")
