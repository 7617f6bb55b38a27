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

from endpoint.harness import limit_settings, picture_rows

pytest.importorskip("llmock", reason="llmock is not installed")


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

    def findings(self) -> list[str]:
        return [
            f"{one['severity']} {one['code']}" if "code" in one else json.dumps(one)
            for one in self.verdict()["findings"]
        ]

    def verdict(self) -> dict:
        return self.get("/_llmock/verdict")


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
    assert grader.findings() == []
    assert tally["throttled"] == 0  # the server says in every answer what is left
    assert time.monotonic() - started < 15  # the bound is (260 - 240) / 4 a second = 5 s


@pytest.mark.parametrize("grader", [("--tpm", "24000", "--latency-ms", "50")], indirect=True)
def test_tokens_per_minute(runner, grader, monkeypatch):
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", grader.base_url)
    tally = runner.ask(picture_rows(110), limits=limit_settings(timeout_seconds=30))
    assert (tally["answered"], tally["failed"]) == (110, 0)
    assert grader.findings() == []


@pytest.mark.parametrize(
    "grader",
    [("--error-rate", "429=0.1", "--error-rate", "500=0.05", "--error-rate", "503=0.05", "--latency-ms", "20")],
    indirect=True,
)
def test_random_errors(runner, grader, monkeypatch):
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", grader.base_url)
    tally = runner.ask(picture_rows(120), limits=limit_settings(timeout_seconds=30, max_tries=8))
    assert (tally["answered"], tally["failed"]) == (120, 0)
    assert grader.findings() == []
