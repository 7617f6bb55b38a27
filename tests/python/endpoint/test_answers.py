"""What a run brings back: answers once, shared where the content is the same, failures with a reason."""

import json
import time

import pytest

from endpoint.harness import LABELS, diagnose_text, limit_settings, picture_rows, step_settings
from faultline.endpoint import EndpointError
from faultline.endpoint.store import RunLock


def test_every_row_is_answered_with_what_the_server_tells_of_it(runner):
    rows = picture_rows(50)
    tally = runner.ask(rows)
    assert (tally["answered"], tally["failed"], tally["stopped"]) == (50, 0, None)
    for outcome in runner.outcomes(rows):
        assert json.loads(outcome["raw_response"])["label"] in LABELS
        assert outcome["served_model"] == "vision-served"
        assert outcome["finish_reason"] == "stop"
        assert outcome["output_tokens"] == 9
        assert outcome["cost"] == pytest.approx((outcome["input_tokens"] + 9) / 1e6)
        assert outcome["request_count"] == 1
    assert runner.server.stats()["arrived"] == 50


def test_a_second_run_takes_the_answers_without_a_call(runner):
    rows = picture_rows(20)
    runner.ask(rows)
    before = runner.outcomes(rows)
    assert runner.ask(rows)["requests"] == 0
    assert runner.outcomes(rows) == before
    assert runner.server.stats()["arrived"] == 20


def test_the_same_content_is_asked_once_and_costs_nothing_the_second_time(runner):
    rows = [("A", "same", "a.jpg", None), ("B", "SAME", "b.jpg", None), ("C", "other", "c.jpg", None)]
    assert runner.ask(rows)["requests"] == 2
    first, second, other = runner.outcomes(rows)
    assert first["raw_response"] == second["raw_response"]
    assert second["answered_for"] == "A"
    assert (second["cost"], second["request_count"], second["input_tokens"]) == (0.0, 0, 0)
    assert first["answered_for"] is None
    assert other["answered_for"] is None


@pytest.mark.parametrize("changed", ["prompt_md5", "prompt_version", "served_as"])
def test_another_prompt_or_model_is_another_question(runner, changed):
    runner.ask(picture_rows(3))
    assert runner.ask(picture_rows(3), step=step_settings(**{changed: "another"}))["requests"] == 3


def test_another_image_size_is_another_question_only_where_an_image_is_sent(runner):
    rows = [("A", None, None, diagnose_text("scratch"))]
    step = step_settings("diagnose")
    runner.ask(rows, step=step)
    assert runner.ask(rows, step=step, images={"edge_px": 512})["requests"] == 0


def test_structured_output_follows_the_model(runner):
    runner.ask(picture_rows(1))
    schema = runner.server.stats()["last_body"]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["label"]["enum"] == LABELS
    assert schema["additionalProperties"] is False
    runner.ask(picture_rows(1, 10), step=step_settings(structured_output="json_object", prompt_md5="b"))
    body = runner.server.stats()["last_body"]
    assert body["response_format"] == {"type": "json_object"}
    assert "JSON" in body["messages"][0]["content"]  # some servers refuse the mode without the word
    runner.ask(picture_rows(1, 20), step=step_settings(structured_output="none", prompt_md5="c"))
    assert "response_format" not in runner.server.stats()["last_body"]


def test_request_options_add_replace_and_remove(runner):
    options = json.dumps({"temperature": None, "max_tokens": None, "max_completion_tokens": 77, "seed": 1})
    runner.ask(picture_rows(1), step=step_settings(request_options=options))
    body = runner.server.stats()["last_body"]
    assert "temperature" not in body
    assert "max_tokens" not in body
    assert (body["max_completion_tokens"], body["seed"]) == (77, 1)


def test_an_unknown_structured_output_is_refused(runner):
    with pytest.raises(EndpointError, match="json_schema, json_object, none"):
        runner.ask(picture_rows(1), step=step_settings(structured_output="yaml"))


def test_the_key_travels_in_the_header_and_nowhere_else(runner, tmp_path):
    runner.ask(picture_rows(2))
    stats = runner.server.stats()
    assert stats["last_headers"]["authorization"] == "Bearer test-0815"
    assert "test-0815" not in json.dumps(stats["last_body"])
    runner.close()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"test-0815" not in path.read_bytes(), path
    assert "test-0815" not in "".join(runner.said)


def test_a_key_that_a_server_repeats_is_not_kept(runner):
    runner.server.behave(answer="your key is test-0815")
    rows = picture_rows(1)
    runner.ask(rows)
    assert runner.outcomes(rows)[0]["raw_response"] == "your key is ***"


def test_without_an_address_nothing_starts(runner, monkeypatch):
    monkeypatch.delenv("FAULTLINE_AI_BASE_URL")
    with pytest.raises(EndpointError, match="FAULTLINE_AI_BASE_URL"):
        runner.ask(picture_rows(1))


def test_a_folder_of_images_that_is_not_there_is_no_failure_of_the_rows(runner):
    rows = picture_rows(3)
    with pytest.raises(EndpointError, match="no folder of images '/nowhere'"):
        runner.ask(rows, images={"url_prefix": "", "root": "/nowhere"})
    assert runner.outcomes(rows) == [None] * 3


def test_an_in_memory_database_needs_a_named_store(runner, tmp_path, monkeypatch):
    from faultline.endpoint.session import store_path

    with pytest.raises(EndpointError, match="FAULTLINE_AI_STORE"):
        store_path(":memory:")
    monkeypatch.setenv("FAULTLINE_AI_STORE", str(tmp_path / "answers"))
    assert store_path(":memory:") == str(tmp_path / "answers")


def test_a_damaged_store_is_refused_and_not_overwritten(runner, tmp_path):
    (tmp_path / "plant.duckdb.answers").write_bytes(b"not a database, but somebody's file" * 100)
    with pytest.raises(EndpointError, match="answer store"):
        runner.open()
    assert (tmp_path / "plant.duckdb.answers").read_bytes().startswith(b"not a database")


def test_a_cancelled_run_ends_within_a_second_and_keeps_what_it_received(runner):
    import threading

    runner.server.behave(latency_ms=300)
    rows = picture_rows(400)
    session = runner.open(limits=limit_settings(concurrency=16))
    session.begin("classify", len(rows))
    ended = {}

    def work():
        for row in rows:
            session.submit("classify", *row)
        try:
            session.drain("classify")
        except EndpointError as error:
            ended["error"], ended["at"] = str(error), time.monotonic()

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(1.0)
    cancelled_at = time.monotonic()
    session.cancel()
    thread.join(timeout=5)
    assert "cancelled" in ended["error"]
    assert ended["at"] - cancelled_at < 1.0
    kept = sum(outcome is not None for outcome in runner.outcomes(rows))
    arrived = runner.server.stats()["arrived"]
    assert 0 < kept < 400
    runner.server.behave()
    tally = runner.ask(rows)
    assert tally["answered"] == 400 - kept
    assert arrived - kept <= 16


def test_two_runs_at_once_the_second_is_refused(runner, tmp_path):
    import subprocess
    import sys

    runner.ask(picture_rows(1))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from faultline.endpoint.store import RunLock\n"
        "RunLock(sys.argv[2]).acquire()"
    )
    scripts = str(next(path for path in sys.path if path.endswith("scripts")))
    second = [sys.executable, "-c", code, scripts, str(tmp_path / "plant.duckdb.answers")]
    done = subprocess.run(second, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "another run is asking the endpoint (process" in done.stderr
    runner.close()
    assert subprocess.run(second, capture_output=True, timeout=30).returncode == 0


def test_a_store_in_a_folder_that_is_not_there_yet_and_one_where_none_can_be(tmp_path):
    lock = RunLock(tmp_path / "new" / "folder" / "answers")
    lock.acquire()
    lock.release()
    (tmp_path / "file").touch()
    with pytest.raises(EndpointError, match="cannot be taken"):
        RunLock(tmp_path / "file" / "answers").acquire()
    (tmp_path / "answers.lock").mkdir()  # cannot be opened for writing, as the lock of another user
    assert RunLock(tmp_path / "answers").holder() is None


def test_progress_is_told_on_long_work(runner, monkeypatch):
    monkeypatch.setattr("faultline.endpoint.engine.PROGRESS_SECONDS", 0.2)
    runner.server.behave(latency_ms=100)
    runner.ask(picture_rows(100))
    assert any(
        "/100 done, 0 failed, 16 in flight" in text and "rows/s" in text and "to go" in text for text in runner.said
    )
