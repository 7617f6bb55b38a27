"""Budgets are never passed, whatever is in flight and however the run ends."""

import pytest

from endpoint.harness import diagnose_text, limit_settings, picture_rows, skip_near_midnight, step_settings


def test_the_run_stops_at_exactly_the_calls_it_may_make(runner):
    runner.server.behave(latency_ms=30)
    tally = runner.ask(picture_rows(100), limits=limit_settings(calls_per_run=37))
    assert (tally["answered"], tally["stopped"]) == (37, "budget")
    assert runner.server.stats()["arrived"] == 37


def test_a_day_counts_over_runs(runner):
    skip_near_midnight(30)
    limits = limit_settings(calls_per_day=30)
    assert runner.ask(picture_rows(20), limits=limits)["answered"] == 20
    assert runner.ask(picture_rows(100), limits=limits)["answered"] == 10
    assert runner.ask(picture_rows(100), limits=limits)["requests"] == 0


def test_what_the_ledger_knows_of_a_lost_store_counts_too(runner):
    limits = limit_settings(calls_per_day=30, spent=[0, 25, 0.0, 0.0])
    assert runner.ask(picture_rows(100), limits=limits)["answered"] == 5


def test_refused_requests_are_no_calls(runner):
    runner.server.behave(script=["500"] * 5)
    tally = runner.ask(picture_rows(40), limits=limit_settings(calls_per_run=20))
    assert tally["answered"] == 20


@pytest.mark.parametrize("concurrency", [1, 16, 64])
def test_money_is_not_overspent_by_what_is_in_flight(runner, concurrency):
    runner.server.behave(latency_ms=30)
    # A call really costs about 130 tokens in and 9 out, at one unit a million: 140e-6; one may cost 100 out.
    limit = 0.01
    tally = runner.ask(picture_rows(200), limits=limit_settings(cost_per_run=limit, concurrency=concurrency))
    assert tally["stopped"] == "budget"
    assert tally["cost"] <= limit
    assert tally["cost"] > limit - 3 * 0.00025  # and it is used, but for the reserve of a last call


def test_the_first_price_is_learned_by_one_request_alone(runner):
    runner.server.behave(latency_ms=100)
    # The estimate is far too low: 1 token in, while a call has over 100.
    step = step_settings(estimated_input_tokens=1, input_price="1000", output_price="0")
    tally = runner.ask(picture_rows(100), step=step, limits=limit_settings(cost_per_run=1.0, concurrency=64))
    assert tally["cost"] <= 1.0
    assert tally["stopped"] == "budget"


def test_long_words_of_a_row_are_reserved_for_before_they_are_sent(runner):
    runner.server.behave(latency_ms=50)
    step = step_settings("diagnose", input_price="1000", output_price="0", estimated_input_tokens=200)
    short = [(f"S{n}", None, None, diagnose_text(f"scratch {n}")) for n in range(20)]
    runner.ask(short, step=step)  # all that is known so far is cheap
    long = [(f"L{n}", None, None, diagnose_text("刮痕 " * 1000 + str(n))) for n in range(64)]
    tally = runner.ask(long, step=step, limits=limit_settings(cost_per_run=10.0, concurrency=64))
    assert tally["stopped"] == "budget"
    assert 0 < tally["cost"] <= 10.0


def test_a_free_model_is_bounded_by_no_money(runner):
    step = step_settings(input_price="0", output_price="0")
    assert runner.ask(picture_rows(50), step=step, limits=limit_settings(cost_per_run=0))["answered"] == 50


def test_answers_that_are_there_cost_no_budget(runner):
    runner.ask(picture_rows(20))
    tally = runner.ask(picture_rows(25), limits=limit_settings(calls_per_run=5))
    assert (tally["answered"], tally["stopped"]) == (5, None)
