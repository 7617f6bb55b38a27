"""Every way a server can fail: what is tried again, what is recorded, what stops the run."""

import json
import time

import pytest

from endpoint.harness import FaultServer, Runner, limit_settings, picture_rows, step_settings

PASSING = ["429", "500", "502", "503", "drop", "truncated", "html", "no_choices"]


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again_and_answered(runner, fault):
    runner.ask(picture_rows(1, 99))  # the server is known to work
    runner.server.behave(script=[fault, fault])
    rows = picture_rows(3)
    tally = runner.ask(rows)
    assert (tally["answered"], tally["failed"], tally["stopped"]) == (3, 0, None)
    assert runner.server.stats()["arrived"] == 5


@pytest.mark.parametrize(("fault", "is_first"), [("500", True), ("429", False)])
def test_a_row_waits_longer_each_time_and_goes_first_unless_the_pace_refused_it(tmp_path, monkeypatch, fault, is_first):
    server = FaultServer(log=tmp_path / "server.log", latency_ms=150)
    runner = Runner(tmp_path, server, monkeypatch)
    try:
        runner.ask(picture_rows(1, 99))
        # One row in flight, so that the second turn of the row that fails comes before or after those behind it.
        server.behave(latency_ms=150, first_row=[fault, fault])
        assert runner.ask(picture_rows(12), limits=limit_settings(concurrency=1))["answered"] == 12
    finally:
        runner.close()
        server.stop()
    events = [event for event in server.events() if event["event"] in ("arrived", "refused")][1:]
    key = next(event["key"] for event in events if event["event"] == "refused")
    refused = [event["time"] for event in events if (event["event"], event["key"]) == ("refused", key)]
    arrived = [event["time"] for event in events if (event["event"], event["key"]) == ("arrived", key)][1:]
    first_wait, second_wait = (later - earlier for earlier, later in zip(refused, arrived, strict=True))
    assert second_wait > 1.1 * first_wait
    others = [event["time"] for event in events if event["event"] == "arrived" and event["key"] != key]
    assert len(others) == 11
    assert (arrived[0] < max(others)) is is_first


@pytest.mark.parametrize("fault", ["500", "drop", "truncated"])
def test_what_does_not_pass_is_recorded_after_the_tries_and_the_others_go_on(runner, fault):
    rows = picture_rows(30)
    runner.ask(rows[1:2])
    runner.server.behave(shares={fault: 0.0}, script=[])
    poisoned = rows[0]
    # The one row fails for ever: its key is singled out by a script that a single row in flight meets alone.
    runner.server.behave(script=[fault] * 4)
    runner.ask([poisoned], limits=limit_settings(concurrency=1))
    outcome = runner.outcome(*poisoned)
    assert outcome["raw_response"] is None
    assert outcome["is_retryable"] is True
    assert outcome["request_count"] == 4
    assert outcome["error"]
    assert runner.ask(rows)["answered"] == 29  # the poisoned row among them: a new run tries it again
    assert runner.outcome(*poisoned)["raw_response"]


def test_a_timeout_is_tried_again_and_may_have_cost(runner):
    runner.ask(picture_rows(1, 99))
    runner.server.behave(script=["hang"])
    rows = picture_rows(1)
    tally = runner.ask(rows, limits=limit_settings(timeout_seconds=0.5))
    assert (tally["answered"], tally["requests"]) == (1, 2)
    outcome = runner.outcome(*rows[0])
    assert outcome["cost"] > (outcome["input_tokens"] + outcome["output_tokens"]) / 1e6


@pytest.mark.parametrize("status", ["400", "413", "422"])
def test_a_permanent_refusal_is_not_tried_again(runner, status):
    runner.ask(picture_rows(1, 99))
    runner.server.behave(script=[status])
    rows = picture_rows(1)
    assert runner.ask(rows)["failed"] == 1
    outcome = runner.outcome(*rows[0])
    assert (outcome["is_retryable"], outcome["request_count"], outcome["cost"]) == (False, 1, 0.0)
    assert outcome["error"].startswith(f"HTTP {status}")
    assert runner.server.stats()["arrived"] == 1


def test_when_every_first_request_is_refused_the_request_is_wrong_and_no_row_is_blamed(runner):
    runner.server.behave(shares={"400": 1.0})
    rows = picture_rows(200)
    tally = runner.ask(rows)
    assert tally["stopped"] == "set_up"
    assert "HTTP 400: " in tally["detail"]
    assert runner.outcomes(rows) == [None] * 200
    assert runner.server.stats()["arrived"] < 40


def test_refusals_before_the_first_answer_are_recorded_once_the_server_is_known_to_work(runner):
    runner.server.behave(script=["400", "400"])
    rows = picture_rows(10)
    tally = runner.ask(rows)
    assert (tally["answered"], tally["failed"]) == (8, 2)


def test_a_server_that_begins_to_refuse_everything_is_asked_no_more_and_rows_may_be_asked_again(runner):
    runner.ask(picture_rows(1, 999))
    runner.server.behave(shares={"400": 1.0})
    rows = picture_rows(500)
    tally = runner.ask(rows)
    assert tally["stopped"] == "set_up"
    assert "50 requests in a row were refused: HTTP 400" in tally["detail"]
    assert runner.server.stats()["arrived"] <= 50 + 16
    failed = [outcome for outcome in runner.outcomes(rows) if outcome]
    assert len(failed) == 50
    assert all(outcome["is_retryable"] for outcome in failed)
    runner.server.behave()
    assert runner.ask(rows)["answered"] == 500


def test_rows_that_are_refused_among_others_are_refused_for_good(runner):
    runner.ask(picture_rows(1, 999))
    rows = picture_rows(300)
    # One after the other would be sixty in a row; with an answer after every tenth they are the rows' own fault.
    runner.server.behave(script=(["400"] * 10 + [None]) * 6)
    tally = runner.ask(rows, limits=limit_settings(concurrency=1))
    assert (tally["answered"], tally["failed"], tally["stopped"]) == (240, 60, None)
    assert not any(outcome["is_retryable"] for outcome in runner.outcomes(rows) if outcome["error"])


@pytest.mark.parametrize(("status", "text"), [("401", "Incorrect API key"), ("404", "does not exist")])
def test_a_wrong_key_or_model_stops_the_run_at_once(runner, status, text):
    runner.server.behave(shares={status: 1.0})
    rows = picture_rows(500)
    tally = runner.ask(rows)
    assert tally["stopped"] == "set_up"
    assert text in tally["detail"]
    assert runner.outcomes(rows) == [None] * 500
    assert runner.server.stats()["arrived"] <= 32


@pytest.mark.parametrize("fault", ["huge", "endless", "deep"])
def test_an_unbounded_answer_is_cut_off_and_recorded(runner, fault):
    runner.ask(picture_rows(1, 99))
    runner.server.behave(script=[fault])
    rows = picture_rows(2)
    started = time.monotonic()
    tally = runner.ask(rows, limits=limit_settings(concurrency=1))
    assert time.monotonic() - started < 3
    assert (tally["answered"], tally["failed"]) == (1, 1)
    failed = runner.outcome(*rows[0])
    assert "longer than" in failed["error"] or "nested too deeply" in failed["error"]
    assert failed["is_retryable"] is True


def test_an_answer_that_trickles_for_ever_ends_with_the_timeout(runner):
    runner.ask(picture_rows(1, 99))
    runner.server.behave(script=["trickle"])
    started = time.monotonic()
    assert runner.ask(picture_rows(1), limits=limit_settings(timeout_seconds=1))["answered"] == 1
    assert time.monotonic() - started < 4


def test_a_wrong_content_type_with_a_right_body_is_an_answer(runner):
    runner.server.behave(script=["wrong_type"])
    assert runner.ask(picture_rows(1))["answered"] == 1


@pytest.mark.parametrize(("fault", "words"), [("empty", "the answer is empty"), ("filtered", "the model refused")])
def test_no_answer_in_a_good_reply_is_recorded(runner, fault, words):
    runner.ask(picture_rows(1, 99))
    runner.server.behave(script=[fault])
    rows = picture_rows(1)
    assert runner.ask(rows)["failed"] == 1
    assert words in runner.outcome(*rows[0])["error"]


def test_an_answer_cut_off_by_its_length_is_kept_as_it_is(runner):
    runner.server.behave(script=["cut_off"])
    rows = picture_rows(1)
    runner.ask(rows)
    assert runner.outcome(*rows[0])["finish_reason"] == "length"


def test_a_server_that_is_away_stops_the_run_and_no_row_is_blamed(runner, monkeypatch):
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", "http://127.0.0.1:9/v1")
    rows = picture_rows(100)
    started = time.monotonic()
    tally = runner.ask(rows, limits=limit_settings(outage_seconds=1.5))
    assert 1 < time.monotonic() - started < 8
    assert tally["stopped"] == "outage"
    assert "cannot connect" in tally["detail"]
    assert runner.outcomes(rows) == [None] * 100


def test_a_server_that_comes_back_is_asked_again_and_nothing_is_lost(runner):
    runner.ask(picture_rows(1, 99))
    runner.server.behave(script=["503"] * 14)
    rows = picture_rows(60)
    tally = runner.ask(rows, limits=limit_settings(outage_seconds=60, max_tries=3))
    assert (tally["answered"], tally["failed"], tally["stopped"]) == (60, 0, None)


def test_random_faults_lose_nothing(runner):
    runner.server.behave(
        latency_ms=20, shares={"429": 0.05, "500": 0.03, "drop": 0.02, "truncated": 0.03}, retry_after=0.05
    )
    rows = picture_rows(400)
    tally = runner.ask(rows, limits=limit_settings(concurrency=32, max_tries=6))
    assert (tally["answered"], tally["failed"]) == (400, 0)
    assert runner.server.stats()["early_retries"] == 0
    assert all(outcome["raw_response"] for outcome in runner.outcomes(rows))


def test_a_cap_on_requests_in_flight_is_found_and_kept(runner):
    runner.server.behave(latency_ms=100, cap=8, retry_after=0.3)
    rows = picture_rows(300)
    started = time.monotonic()
    tally = runner.ask(rows, limits=limit_settings(concurrency=32))
    seconds = time.monotonic() - started
    assert (tally["answered"], tally["failed"]) == (300, 0)
    assert tally["throttled"] < 60
    assert seconds < 3 * 300 / 80  # the bound is 8 / 100 ms
    assert runner.server.stats()["early_retries"] == 0


def test_a_quota_per_minute_is_found_and_kept(runner):
    runner.server.behave(latency_ms=20, rpm=600, burst=20)
    rows = picture_rows(80)
    started = time.monotonic()
    tally = runner.ask(rows, limits=limit_settings(concurrency=16))
    assert (tally["answered"], tally["failed"]) == (80, 0)
    assert time.monotonic() - started < 20  # the bound is (80 - 20) / 10 a second = 6 s
    assert tally["throttled"] < 60
    assert runner.server.stats()["early_retries"] == 0


def test_a_known_quota_is_never_passed(runner):
    runner.server.behave(rpm=60, burst=30)
    tally = runner.ask(picture_rows(30), limits=limit_settings(requests_per_minute=30))
    assert (tally["answered"], tally["throttled"]) == (30, 0)
    # The minute is not over: a new run has nothing left of it.
    session = runner.open(limits=limit_settings(requests_per_minute=30))
    session.begin("classify", 1)
    session.submit("classify", *picture_rows(1, 500)[0])
    time.sleep(1)
    assert runner.server.stats()["arrived"] == 30
    session.cancel()


def test_step_settings_of_a_test_are_those_of_the_macro():
    assert set(step_settings()) == {
        "step",
        "model",
        "served_as",
        "prompt_version",
        "prompt_md5",
        "prompt_text",
        "response_schema",
        "sends_image",
        "labels",
        "actions",
        "structured_output",
        "request_options",
        "input_price",
        "output_price",
        "estimated_input_tokens",
        "estimated_output_tokens",
        "max_answer_tokens",
    }


def test_a_full_disk_stops_the_run_and_blames_no_row(runner):
    rows = picture_rows(400)
    session = runner.open()
    writer = session._store._writer
    (pages,) = writer.execute("pragma page_count").fetchone()
    writer.execute(f"pragma max_page_count = {pages + 4}")
    session.begin("classify", len(rows))
    for row in rows:
        session.submit("classify", *row)
    tally = json.loads(session.drain("classify"))
    assert (tally["stopped"], tally["failed"]) == ("set_up", 0)
    assert "cannot be written: database or disk is full" in tally["detail"]
    kept = sum(outcome is not None for outcome in runner.outcomes(rows))
    assert runner.ask(rows)["answered"] == len(rows) - kept  # with room again, the rest and nothing twice
