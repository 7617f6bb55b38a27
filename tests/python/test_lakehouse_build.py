"""When `lakehouse-build` goes on and when it stops. tests/lakehouse runs the command itself."""

import json
from types import SimpleNamespace

import pytest

from faultline import lakehouse_build
from faultline.__main__ import main

LEDGER = "model.faultline.ai_classify_calls"
OTHER_LEDGER = "model.faultline.ai_extract_calls"
TEST = "test.faultline.unique_x"
STATEMENT = "Runtime Error in model ai_classify_calls\n  CZLH-42000 Failed to fetch image from URL"


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Plays dbt: each run takes the next entry, a dictionary of failed node and message, or None for no results."""

    class Runs:
        def __init__(self):
            self.entries: list[dict | None] = []
            self.answers: list[int] = []
            self.faults: list[str] = []
            self.commands: list[list[str]] = []

        def dbt(self, command, check):
            self.commands.append(command)
            failed = self.entries[len(self.commands) - 1]
            if failed is not None:
                write_results(f"run {len(self.commands)}", failed)
            return SimpleNamespace(returncode=0 if failed == {} else 1)

        def ask(self, arguments, ledgers, invocation_id):
            assert invocation_id == f"run {len(self.commands)}"
            return {ledger["name"]: self.answers[len(self.commands) - 1] for ledger in ledgers}, self.faults

        def __call__(self, *arguments: str) -> int:
            return main(["lakehouse-build", "--target-path", str(tmp_path), *arguments])

    def write_results(invocation_id, failed):
        results = [
            {"unique_id": node, "status": "fail" if node == TEST else "error", "message": message}
            for node, message in failed.items()
        ]
        results.append({"unique_id": "model.faultline.inspections", "status": "skipped", "message": None})
        content = {"metadata": {"invocation_id": invocation_id}, "results": results}
        (tmp_path / "run_results.json").write_text(json.dumps(content))

    nodes = {
        node: {
            "name": node.split(".")[-1],
            "config": {"materialized": "test" if node == TEST else "ai_ledger"},
        }
        for node in (LEDGER, OTHER_LEDGER, TEST)
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    write_results("an old run", {LEDGER: STATEMENT})
    played = Runs()
    monkeypatch.setattr(lakehouse_build.subprocess, "run", played.dbt)
    monkeypatch.setattr(lakehouse_build, "ask_ledgers", played.ask)
    return played


def test_it_goes_on_with_retry_until_dbt_is_content(runs):
    runs.entries = [{LEDGER: STATEMENT}, {LEDGER: STATEMENT}, {OTHER_LEDGER: STATEMENT}, {}]
    runs.answers = [0, 30, 0]
    assert runs("--rounds", "1", "--", "--select", "x") == 0
    assert [command[1] for command in runs.commands] == ["build", "retry", "retry", "retry"]
    assert runs.commands[0][-2:] == ["--select", "x"]
    assert "--select" not in runs.commands[1]


def test_it_stops_where_no_answer_comes(runs, capsys):
    runs.entries = [{LEDGER: STATEMENT}] * 5
    runs.answers = [7, 8, 8, 8, 8]
    assert runs("--rounds", "3") == 1
    assert len(runs.commands) == 5
    assert "No answer in 3 runs in a row" in capsys.readouterr().err


def test_a_fault_of_the_service_ends_it_at_once(runs, capsys):
    runs.entries, runs.answers, runs.faults = [{LEDGER: STATEMENT}], [0], ["Tenant quota exceeded"]
    assert runs() == 1
    assert len(runs.commands) == 1
    assert "Tenant quota exceeded" in capsys.readouterr().err


@pytest.mark.parametrize(
    "failed",
    [
        {LEDGER: "Compilation Error in model ai_classify_calls\n  faultline AI: the text of prompt 'v1' was changed"},
        {TEST: "Got 1 result, configured to fail if != 0"},
        None,
    ],
    ids=["a compile error would come again", "no ledger failed", "dbt did not run, the results are old ones"],
)
def test_what_a_repetition_cannot_mend_is_not_repeated(runs, failed):
    runs.entries = [failed]
    assert runs() == 1
    assert len(runs.commands) == 1


def test_a_failing_test_does_not_keep_a_bad_picture_in_the_queue(runs):
    failing = {TEST: "Got 1 result"}
    runs.entries = [{LEDGER: STATEMENT, **failing}, failing]
    runs.answers = [1]
    assert runs() == 1
    assert len(runs.commands) == 2


def test_rounds_are_one_or_more(runs, capsys):
    assert runs("--rounds", "0") == 2
    assert "--rounds is 1 or more" in capsys.readouterr().err
