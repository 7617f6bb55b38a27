"""kill -9 at any moment: a new run asks only for what is missing. Counted on the server's own log."""

import collections
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from endpoint.harness import HERE, FaultServer

ROWS, CONCURRENCY, KILLS = 3000, 16, 20


@pytest.fixture
def logging_server(tmp_path):
    server = FaultServer(log=tmp_path / "server.log", latency_ms=50, tail_share=0.05, tail_ms=400)
    yield server
    server.stop()


def start_run(folder, server, number: int, rows: int = ROWS) -> subprocess.Popen:
    environment = os.environ | {"FAULTLINE_AI_BASE_URL": server.base_url, "FAULTLINE_AI_API_KEY": "test-0815"}
    command = [
        sys.executable,
        HERE / "one_run.py",
        folder / "plant.duckdb",
        f"run-{number}",
        str(rows),
        str(CONCURRENCY),
    ]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "asking\n", process.stderr.read()
    return process


def kept_keys(folder) -> set[str]:
    with sqlite3.connect(folder / "plant.duckdb.answers") as store:
        assert store.execute("pragma integrity_check").fetchone() == ("ok",)
        return {key for (key,) in store.execute("select answer_key from answers")}


@pytest.mark.slow
def test_killed_twenty_times_at_random_moments_it_repeats_at_most_what_was_in_flight(tmp_path, logging_server):
    draw = random.Random(20)
    lost_in_all = 0
    for number in range(KILLS):
        process = start_run(tmp_path, logging_server, number)
        time.sleep(draw.uniform(0.01, 0.45))
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.1)
        counts = collections.Counter(event["key"] for event in logging_server.events() if event["event"] == "arrived")
        # What was asked and is not kept is what this kill cost; it is never more than was in flight.
        lost = len(counts) - len(kept_keys(tmp_path))
        assert lost <= CONCURRENCY
        lost_in_all += lost
    process = start_run(tmp_path, logging_server, KILLS)
    tally = json.loads(process.communicate(timeout=120)[0])
    assert (tally["failed"], tally["stopped"]) == (0, None)

    counts = collections.Counter(event["key"] for event in logging_server.events() if event["event"] == "arrived")
    assert len(counts) == ROWS == len(kept_keys(tmp_path))  # nothing missing, nothing double
    assert 0 < sum(counts.values()) - ROWS <= lost_in_all
    assert logging_server.stats()["most_in_flight"] <= CONCURRENCY


def test_each_kill_repeats_no_kept_answer(tmp_path, logging_server):
    process = start_run(tmp_path, logging_server, 1, 600)
    time.sleep(1.0)
    process.kill()
    process.wait()
    time.sleep(0.5)
    kept = len(kept_keys(tmp_path))
    before = len([event for event in logging_server.events() if event["event"] == "arrived"])
    assert 0 < kept < 600
    assert before - kept <= CONCURRENCY
    tally = json.loads(start_run(tmp_path, logging_server, 2, 600).communicate(timeout=120)[0])
    assert tally["answered"] == 600 - kept
    after = len([event for event in logging_server.events() if event["event"] == "arrived"])
    assert after - before == 600 - kept


def test_memory_does_not_grow_with_the_rows(tmp_path):
    server = FaultServer()
    try:
        peaks = []
        for number, rows in enumerate((500, 6000)):
            (tmp_path / str(number)).mkdir()
            tally = json.loads(start_run(tmp_path / str(number), server, 1, rows).communicate(timeout=120)[0])
            assert tally["answered"] == rows
            peaks.append(tally["rss_mib"])
    finally:
        server.stop()
    assert peaks[1] - peaks[0] < 15
