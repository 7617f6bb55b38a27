"""A test server of others (llmock) with true quotas grades the client."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from endpoint.harness import limit_settings, picture_rows, wait_until
from faultline.endpoint.pace import Pace

pytest.importorskip("llmock", reason="llmock is not installed")
pytestmark = pytest.mark.slow


class Grader:
    def __init__(self, *options: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-c", "from llmock.cli import app; app()", "serve", "--port", str(self.port)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LLMOCK_")}
        self.process = subprocess.Popen(
            [*command, "--log-level", "warning", *options],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        end = time.monotonic() + 20
        while True:
            try:
                self.get("/health")
                return
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < end, "llmock does not start"
                time.sleep(0.1)

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
            return json.loads(response.read())

    def verdict(self) -> dict:
        return self.get("/_llmock/verdict")


def assert_passed(verdict: dict):
    """Every finding is a fault of the client: an ignored Retry-After, a retry storm, no backoff, a call given up."""
    assert verdict["findings"] == []
    assert verdict["passed"]
    assert verdict["calls"] > 0


@pytest.fixture
def grader(request, monkeypatch):
    started = Grader(*request.param)
    yield started
    started.process.kill()
    started.process.wait()


@pytest.mark.parametrize("grader", [("--rpm", "240", "--latency-ms", "50")], indirect=True)
@pytest.mark.parametrize("known", [-1, 240])
def test_requests_per_minute(runner, grader, monkeypatch, known):
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", grader.base_url)
    started = time.monotonic()
    rows = 260 if known < 0 else 240
    tally = runner.ask(picture_rows(rows), limits=limit_settings(requests_per_minute=known, timeout_seconds=30))
    assert (tally["answered"], tally["failed"]) == (rows, 0)
    assert_passed(grader.verdict())
    assert tally["throttled"] == 0  # the server says in every answer what is left
    assert time.monotonic() - started < 15  # the bound is (260 - 240) / 4 a second = 5 s


@pytest.mark.parametrize("grader", [("--tpm", "24000", "--latency-ms", "50")], indirect=True)
def test_tokens_per_minute(runner, grader, monkeypatch):
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", grader.base_url)
    tally = runner.ask(picture_rows(110), limits=limit_settings(timeout_seconds=30))
    assert (tally["answered"], tally["failed"]) == (110, 0)
    assert_passed(grader.verdict())


@pytest.mark.parametrize(
    "grader",
    [("--error-rate", "429=0.1", "--error-rate", "500=0.05", "--error-rate", "503=0.05", "--latency-ms", "20")],
    indirect=True,
)
def test_random_errors(runner, grader, monkeypatch):
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", grader.base_url)
    tally = runner.ask(picture_rows(120), limits=limit_settings(timeout_seconds=30, max_tries=8))
    assert (tally["answered"], tally["failed"]) == (120, 0)
    assert_passed(grader.verdict())


@pytest.mark.parametrize("grader", [("--rpm", "240", "--latency-ms", "50")], indirect=True)
def test_requests_per_minute_that_the_server_only_tells_by_refusing(runner, grader, monkeypatch):
    monkeypatch.setattr("faultline.endpoint.pace.stated_quota", lambda limits, kind: (None, None))
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", grader.base_url)
    tally = runner.ask(picture_rows(260), limits=limit_settings(timeout_seconds=30))
    assert (tally["answered"], tally["failed"]) == (260, 0)
    verdict = grader.verdict()
    assert verdict["faults_injected"] == tally["throttled"] > 0  # there was something to grade
    assert_passed(verdict)


@pytest.mark.parametrize("grader", [("--rpm", "60", "--latency-ms", "10")], indirect=True)
def test_the_grader_does_find_a_client_that_does_not_wait(runner, grader, monkeypatch):
    monkeypatch.setattr("faultline.endpoint.transport.seconds_to_wait", lambda headers: 0.0)
    monkeypatch.setattr(Pace, "wait", lambda pace, now, tokens=0: 0.0 if pace.in_flight < 16 else None)
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", grader.base_url)
    session = runner.open()
    session.begin("classify", 100)
    for row in picture_rows(100):
        session.submit("classify", *row)
    wait_until(lambda: not grader.verdict()["passed"], 60)
    session.cancel()
    assert {finding["code"] for finding in grader.verdict()["findings"]} & {"retry_after_ignored", "retry_storm"}
