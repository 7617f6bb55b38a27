"""The pace by itself, with a clock that only moves when told."""

import email.utils
import time

import pytest

from faultline.endpoint.pace import Pace, full_jitter, stated_quota
from faultline.endpoint.transport import Fault, fault_of_status, read_answer, seconds_to_wait


def test_no_more_than_the_window_are_in_flight():
    pace = Pace(2)
    tickets = [pace.sent(0.0), pace.sent(0.0)]
    assert pace.wait(0.0) is None
    pace.answered(1.0, tickets[0])
    assert pace.wait(1.0) == 0


@pytest.mark.parametrize(("limit", "seconds"), [(60, 600), (7, 300), (1, 180)])
def test_no_minute_ever_holds_more_than_the_quota(limit, seconds):
    pace, now, sent = Pace(50, requests_per_minute=limit), 0.0, []
    while now < seconds:
        wait = pace.wait(now)
        if wait == 0:
            pace.answered(now, pace.sent(now))
            sent.append(now)
        else:
            now += wait
    assert max(sum(1 for other in sent if at - 60 < other <= at) for at in sent) == limit
    assert len(sent) == limit * seconds / 60  # and none of it is wasted


def test_a_quota_of_tokens_is_corrected_by_what_a_request_really_had():
    pace = Pace(50, tokens_per_minute=1000)
    pace.answered(0.0, pace.sent(0.0, 600), 100)
    assert pace.wait(0.0, 600) == 0  # 100 + 600
    pace.sent(0.0, 600)
    assert pace.wait(0.0, 600) == pytest.approx(60, abs=0.1)


def test_a_request_larger_than_the_whole_quota_goes_alone():
    pace = Pace(50, tokens_per_minute=100)
    assert pace.wait(0.0, 5000) == 0
    pace.answered(0.0, pace.sent(0.0, 5000), 5000)
    assert 0 < pace.wait(0.0, 10) <= 60


def test_what_an_earlier_run_sent_counts():
    assert Pace(5, requests_per_minute=2, recent=[(50.0, 10), (10.0, 10)], now=100.0).wait(100.0) == pytest.approx(10)


def test_nothing_is_sent_before_retry_after_when_nothing_else_is_in_flight():
    pace = Pace(10)
    pace.refused(1.0, pace.sent(0.0), 7.0)
    assert pace.wait(1.0) == pytest.approx(7, abs=0.1)
    assert pace.wait(8.1) == 0


def test_a_wall_is_found_in_one_burst():
    pace = Pace(64)
    tickets = [pace.sent(0.0) for _ in range(64)]
    for ticket in tickets[16:]:
        pace.refused(0.1, ticket, 1.0)
    assert pace.window == 16


def test_a_lone_refusal_hardly_slows_down():
    pace = Pace(64)
    tickets = [pace.sent(0.0) for _ in range(64)]
    pace.refused(0.1, tickets[0])
    for ticket in tickets[1:]:
        pace.answered(0.2, ticket)
    assert pace.wait(0.2) == 0
    assert pace.window >= 63


def test_the_window_opens_again():
    pace = Pace(32)
    tickets = [pace.sent(0.0) for _ in range(32)]
    for ticket in tickets[4:]:
        pace.refused(0.1, ticket)
    for ticket in tickets[:4]:
        pace.answered(0.2, ticket)
    now = 1.5
    while pace.window < 32 and now < 120:
        while pace.wait(now) is not None and pace.wait(now) > 0:
            now += pace.wait(now)
        pace.answered(now + 0.1, pace.sent(now))
        now += 0.1
    assert now < 60


def test_what_the_server_states_is_kept_to_and_refills():
    pace = Pace(50)
    headers = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "0"}
    pace.answered(0.0, pace.sent(0.0), 10, headers)
    assert pace.wait(0.0) == pytest.approx(1.0)
    assert pace.wait(1.01) == 0


@pytest.mark.parametrize("headers", [{}, {"x-ratelimit-limit-requests": "a lot"}, {"x-ratelimit-limit-requests": "60"}])
def test_what_the_server_does_not_state_is_not_assumed(headers):
    assert stated_quota(headers, "requests") == (None, None)


def test_jitter_is_never_nothing_and_bounded():
    draws = [full_jitter(attempt, lambda draw=draw: draw) for attempt in range(40) for draw in (0.0, 0.5, 1.0)]
    assert min(draws) >= 0.05
    assert max(draws) == 30


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": email.utils.formatdate(0, usegmt=True)}, 0),
    ],
)
def test_retry_after_in_every_form(headers, seconds):
    assert seconds_to_wait(headers) == seconds


def test_retry_after_as_a_date():
    headers = {"retry-after": email.utils.formatdate(time.time() + 30, usegmt=True)}
    assert seconds_to_wait(headers) == pytest.approx(30, abs=2)


@pytest.mark.parametrize(
    ("status", "retry_after", "content", "kind"),
    [
        (429, None, b"slow down", "throttled"),
        (429, None, b'{"error": {"code": "insufficient_quota"}}', "set_up"),
        (503, 2, b"", "throttled"),
        (503, None, b"", "transient"),
        (500, None, b"", "transient"),
        (408, None, b"", "transient"),
        (400, None, b"", "refused"),
        (413, None, b"", "refused"),
        (422, None, b"", "refused"),
        (401, None, b"", "set_up"),
        (403, None, b"", "set_up"),
        (404, None, b"", "set_up"),
        (302, None, b"", "set_up"),
        (529, 1, b"", "throttled"),
    ],
)
def test_what_a_status_means(status, retry_after, content, kind):
    assert fault_of_status(status, content, retry_after).kind == kind


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"choices": null}',
        b'{"choices": []}',
        b'{"choices": [1]}',
        b'{"choices": [{"message": "x"}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"choices": [{"message": {"content": " "}}]}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_whatever_a_server_sends_is_a_fault_with_a_reason(content):
    with pytest.raises(Fault) as fault:
        read_answer(content)
    assert fault.value.text


def test_odd_usage_is_not_believed():
    answer = read_answer(
        b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": -5, "completion_tokens": "many"}}'
    )
    assert (answer.input_tokens, answer.output_tokens) == (None, None)
