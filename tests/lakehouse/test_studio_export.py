"""The files for Lakehouse Studio, and what their deploy.sh asks of the vendor's cz-cli."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from fake_cz_cli import cron_kept

from faultline.__main__ import main

FAKE = Path(__file__).parent / "fake_cz_cli.py"
HOSTILE = 'it\'s "$(touch pwned)" `touch pwned` %s \\ ; -- 检验'


def manifest(*tables: tuple[str, list[str]], adapter: str = "clickzetta") -> dict:
    """A manifest of dynamic tables, each with the ones it reads."""
    nodes = {
        f"model.faultline.m{number}": {
            "resource_type": "model",
            "alias": name,
            "relation_name": f"plant.faultline.`{name}`",
            "config": {"materialized": "dynamic_table"},
            "depends_on": {"nodes": [f"model.faultline.m{[t[0] for t in tables].index(parent)}" for parent in reads]},
        }
        for number, (name, reads) in enumerate(tables)
    }
    return {"metadata": {"adapter_type": adapter}, "nodes": nodes}


ORDINARY = manifest(
    ("mes_actions", ["dispositions"]),
    ("dispositions", ["inspections", "ods_lines"]),
    ("inspections", ["ods_lines"]),
    ("ods_lines", []),
)


def export(folder: Path, content: dict, *options: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    shutil.rmtree(folder / "studio", ignore_errors=True)
    where = ["--manifest", str(folder / "manifest.json"), "--out", str(folder / "studio")]
    return main(["studio-export", *where, *options])


def deploy(folder: Path) -> tuple[subprocess.CompletedProcess, dict, list[list[str]]]:
    """One run of deploy.sh, the tasks after it, and the calls it made."""
    (folder / "bin").mkdir(exist_ok=True)
    shutil.copy(FAKE, folder / "bin" / "cz-cli")
    (folder / "bin" / "cz-cli").chmod(0o755)
    (folder / "calls.jsonl").unlink(missing_ok=True)
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "FAKE_CZ_CLI_STATE": str(folder)}
    done = subprocess.run(
        ["sh", str(folder / "studio" / "deploy.sh")], capture_output=True, text=True, check=False, env=environment
    )
    state = json.loads((folder / "state.json").read_text()) if (folder / "state.json").exists() else {"tasks": {}}
    calls = [json.loads(line) for line in (folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()]
    return done, {task["name"]: task for task in state["tasks"].values()}, calls


def test_the_tasks_are_in_studio_after_deploy(tmp_path):
    assert export(tmp_path, ORDINARY, "--vcluster", "quality_gp", "--cron", "*/15 6-22 * * *") == 0
    done, tasks, _ = deploy(tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    assert {name: task["after"] for name, task in tasks.items()} == {
        "faultline_refresh_ods_lines": [],
        "faultline_refresh_inspections": ["faultline_refresh_ods_lines"],
        "faultline_refresh_dispositions": ["faultline_refresh_inspections", "faultline_refresh_ods_lines"],
        "faultline_refresh_mes_actions": ["faultline_refresh_dispositions"],
    }
    for name, task in tasks.items():
        table = name.removeprefix("faultline_refresh_")
        assert task["content"] == f"set cz.sql.timezone = UTC;\nrefresh dynamic table plant.faultline.`{table}`;\n"
        assert (task["type"], task["cron"], task["vc"]) == ("SQL", "*/15 6-22 * * *", "quality_gp")
        assert task["self_depends"] == 1
        assert task["published"] == 1


def test_a_second_deploy_creates_nothing_and_publishes_what_changed(tmp_path):
    export(tmp_path, ORDINARY)
    deploy(tmp_path)
    changed = manifest(("inspections", []), ("dispositions", ["inspections"]), ("mes_actions", ["inspections"]))
    assert export(tmp_path, changed, "--cron", "0 * * * *") == 0
    done, tasks, _ = deploy(tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(tasks) == 4  # that of the table which is gone stays
    assert tasks["faultline_refresh_inspections"]["after"] == []
    assert tasks["faultline_refresh_mes_actions"]["after"] == ["faultline_refresh_inspections"]
    assert tasks["faultline_refresh_mes_actions"]["cron"] == "0 * * * *"
    assert tasks["faultline_refresh_mes_actions"]["published"] == 2
    assert tasks["faultline_refresh_ods_lines"]["published"] == 1


def test_hostile_names_arrive_as_they_are(tmp_path):
    content = manifest((HOSTILE, []), ("reader", [HOSTILE]))
    ddl = tmp_path / "ddl.sql"
    ddl.write_text("create schema if not exists landing;\n", encoding="utf-8")
    assert export(tmp_path, content, "--ddl", str(ddl)) == 0
    done, tasks, _ = deploy(tmp_path)
    assert done.returncode == 0, done.stderr
    assert tasks["faultline_refresh_reader"]["after"] == [f"faultline_refresh_{HOSTILE}"]
    assert tasks["faultline_create_landing"]["published"] == 0  # run once, by hand
    assert tasks["faultline_create_landing"]["content"] == ddl.read_text()
    assert not list(tmp_path.rglob("pwned"))
    assert deploy(tmp_path)[0].returncode == 0


def test_a_task_with_a_similar_name_is_left_alone(tmp_path):
    """cz-cli resolves a name that is not there to a similar one; deploy.sh then has to stop, not to overwrite it."""
    export(tmp_path, manifest(("inspections_old", [])))
    deploy(tmp_path)
    state = json.loads((tmp_path / "state.json").read_text())
    export(tmp_path, manifest(("inspections", [])))
    # The folder is gone: nothing can be created, and `task content` answers with the similar task.
    (tmp_path / "state.json").write_text(json.dumps({**state, "folders": {"faultline_": 1}}))
    script = tmp_path / "studio" / "deploy.sh"
    script.write_text(script.read_text().replace('studio create-folder "$folder"', ""))
    done, tasks, _ = deploy(tmp_path)
    assert done.returncode == 1
    assert "cz-cli task create faultline_refresh_inspections" in done.stderr
    assert tasks == {task["name"]: task for task in state["tasks"].values()}


def test_a_refusal_stops_the_deploy_and_is_shown(tmp_path):
    export(tmp_path, ORDINARY)
    script = tmp_path / "studio" / "deploy.sh"
    script.write_text(script.read_text().replace("--cron", "--corn", 1))
    done, _, calls = deploy(tmp_path)
    assert done.returncode == 1
    assert "Unknown argument: --corn" in done.stderr
    assert not [call for call in calls if call[1] == "deploy"]


@pytest.mark.parametrize(
    "cron",
    [
        "*/7 * * * *",
        "0,30 * * * *",
        "0 */2 * * *",
        "0 6 * 3 *",
        "0 6 * * 1",
        "* *",
        "0 0 2 * * ? *",
        "*/5 6-22/2 * * *",
    ],
)
def test_a_schedule_of_which_studio_would_keep_a_part_is_refused(tmp_path, capsys, cron):
    assert export(tmp_path, ORDINARY, "--cron", cron) == 2
    assert "--cron is a minute" in capsys.readouterr().err


@pytest.mark.parametrize("cron", ["* * * * *", "*/30 8 * * *", "5 * * * *", "0 6-22/4 * * *", "30 2 1,15 * *"])
def test_other_schedules_pass(tmp_path, cron):
    assert export(tmp_path, ORDINARY, "--cron", cron) == 0
    assert cron_kept(cron)


def test_what_needs_the_project_runs_beside_it(tmp_path):
    export(tmp_path, ORDINARY)
    shell = tmp_path / "studio" / "shell"
    schedule = [line for line in (shell / "crontab").read_text().splitlines() if line.startswith("*/10 * * * * ")]
    assert [line.rsplit("/", 1)[1].rstrip('"') for line in schedule] == ["build.sh", "push_actions.sh"]
    # Studio reads ${...} as one of its own parameters.
    assert not [path for path in shell.iterdir() if "${" in path.read_text()]
    home = tmp_path / "home"
    (home / ".venv" / "bin").mkdir(parents=True)
    (home / ".venv" / "bin" / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (home / ".venv" / "bin" / "python").chmod(0o755)
    (home / ".env").write_text("CZ_USER=quality\n")
    environment = {**os.environ, "FAULTLINE_HOME": str(home), "STUDIO": str(tmp_path / "studio")}
    said = [
        subprocess.run(
            ["sh", "-c", line.removeprefix("*/10 * * * * ")],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for line in schedule
    ]
    assert said[0][:3] == ["scripts/faultline", "lakehouse-build", "--"]
    assert said[0][3:] == ["--resource-type", "model", "--exclude", "config.materialized:dynamic_table"]
    assert said[1] == ["scripts/faultline", "push-actions", "--target", "lakehouse"]


def test_shell_tasks_on_demand(tmp_path):
    assert export(tmp_path, ORDINARY, "--shell-tasks") == 0
    tasks = json.loads((tmp_path / "studio" / "tasks.json").read_text())["tasks"]
    assert {task["name"]: task["after"] for task in tasks if task["type"] == "SHELL"} == {
        "faultline_build": [],
        "faultline_push_actions": ["faultline_refresh_mes_actions"],
    }


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (manifest(("a", []), adapter="duckdb"), [], "parsed for duckdb"),
        (manifest(), [], "no dynamic table"),
        (manifest(("a", ["b"]), ("b", ["a"])), [], "in a circle"),
        (ORDINARY, ["--folder", "a b"], "a Studio folder is"),
    ],
)
def test_what_cannot_be_exported_is_said(tmp_path, capsys, content, options, words):
    assert export(tmp_path, content, *options) == 2
    assert words in capsys.readouterr().err


def test_nothing_is_overwritten(tmp_path, capsys):
    assert export(tmp_path, ORDINARY) == 0
    where = ["--manifest", str(tmp_path / "manifest.json"), "--out", str(tmp_path / "studio")]
    assert main(["studio-export", *where]) == 2
    assert "exists already" in capsys.readouterr().err
