"""The first-connection checklist: every check is SQL that Lakehouse reads, and an error means what is said of it."""

from __future__ import annotations

import contextlib
import io
import json
import re

import pytest
from clickzetta.connector.v0.utils import split_sql
from harness import Project
from standin.engine import Engine, Refused

PICTURE = "day1/it's part7.png"
# What the stand-in refuses of the checks in which an error is an answer; a URL for seven days it gives.
REFUSED = {31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42}


def answer(function: str, arguments: list) -> str:
    if arguments[3] and "no such picture" in arguments[3]:
        raise Refused("CZLH-42000 Failed to fetch image from URL")
    return "No Defect"


@pytest.fixture(scope="module")
def script(tmp_path_factory) -> str:
    """What the doctor would send, as it prints it."""
    project = Project(tmp_path_factory.mktemp("doctor"))
    arguments = {"dry_run": True, "picture": PICTURE, "model": "endpoint:m"}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        done = project("run-operation", "lakehouse_doctor", "--args", json.dumps(arguments))
    assert done.success, done.exception
    return printed.getvalue()


def checks(script: str) -> dict[int, str]:
    """The text of each check; 0 is what comes before the first."""
    parts = re.split(r"^-- ( ?\d{1,2})  ", script, flags=re.MULTILINE)
    return {0: parts[0]} | {int(number): text for number, text in zip(parts[1::2], parts[2::2], strict=True)}


def run(engine: Engine, text: str) -> None:
    """Every statement of a check, with its settings, as the connector sends them."""
    settings: dict[str, str] = {}
    for statement in split_sql(re.sub(r"^--.*$|^.*?\n", "", text, count=1, flags=re.MULTILINE)):
        body = re.sub(r"^\s*--.*$", "", statement, flags=re.MULTILINE).strip().rstrip(";")
        setting = re.fullmatch(r"set\s+(\S+)\s*=\s*(.+)", body, re.I)
        if setting:
            settings[setting[1]] = setting[2]
        elif body:
            engine.run(body, settings, "faultline")


def connected(script: str) -> Engine:
    engine = Engine("plant", answer)
    engine.run("create schema if not exists faultline", {}, "faultline")
    run(engine, "\n" + checks(script)[0])
    return engine


def test_every_point_of_the_checklist_is_asked(script):
    assert set(checks(script)) == {*range(18), *range(19, 24), *range(31, 44)}


def test_the_checks_of_an_ordinary_run_pass(script):
    engine = connected(script)
    for number, text in checks(script).items():
        if 0 < number < 31:
            run(engine, text)
    modes = [refresh["refresh_mode"] for refresh in engine.history]
    assert modes == ["FULL", "INCREMENTAL", "FULL", "FULL", "FULL"]
    # The text once; the picture once by itself and again at each refresh, where its rows ask the same question.
    assert sorted(engine.ai_calls.values()) == [1, 3]


@pytest.mark.parametrize("number", range(31, 44))
def test_where_an_error_is_an_answer_it_is_explained(script, number):
    text = checks(script)[number]
    assert re.search(r"^-- +An error now means: \S.{20}", text, re.MULTILINE)
    outcome = pytest.raises(Refused) if number in REFUSED else contextlib.nullcontext()
    with outcome:
        run(connected(script), text)
