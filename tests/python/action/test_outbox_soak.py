"""The outbox under fire: 10,000 actions, an MES that misbehaves and is killed, senders killed and run in pairs."""

import contextlib
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SERVER = Path(__file__).with_name("mes_server.py")
ACTIONS = 10_000


def write_outbox(database: Path) -> None:
    """Keys with one, two (amended) and three versions (then reversed), 10,000 rows in all."""
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            f"""
            create table mes_actions as
            with versions as (
                select key_number, version
                from range(5000) as keys(key_number)
                cross join range(1, 4) as versions(version)
                where version <= 1 + key_number % 3
            )
            select
                'fl1-' || md5('scrap|I' || key_number) as action_key,
                version,
                ['create', 'amend', 'reverse'][version] as operation,
                'scrap' as kind,
                'I' || key_number as subject_id,
                'L1' as line_id,
                'pending' as state,
                '{{"severity":"' || version || '","note":"Zoë; \\"quoted\\""}}' as payload,
                timestamp '2026-09-01 00:00:00' + to_seconds(version) as emitted_at
            from versions
            order by key_number, version
            limit {ACTIONS}
            """
        )
        assert connection.execute("select count(*) from mes_actions").fetchone() == (9999,)
        connection.execute(
            """
            insert into mes_actions
                (action_key, version, operation, kind, subject_id, line_id, state, payload, emitted_at)
            values ('fl1-stop', 1, 'create', 'pause_line', 'S1', 'L1', 'pending', '{}', '2026-09-01')
            """
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_every_action_is_accepted_once_whatever_happens(tmp_path: Path) -> None:
    dice = random.Random(20260901)
    database, landing, store = tmp_path / "plant.duckdb", tmp_path / "landing", tmp_path / "mes.sqlite"
    landing.mkdir()
    write_outbox(database)
    port = free_port()
    environment = {
        **os.environ,
        "FAULTLINE_DUCKDB_PATH": str(database),
        "FAULTLINE_LANDING": str(landing),
        "FAULTLINE_TARGET": "duckdb",
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
        "FAULTLINE_MES_SECRET": "soak",
    }

    def start_server(seed: int) -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, str(SERVER), str(store), str(port), "0.05", str(seed)])
        for _ in range(200):
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
                return process
            time.sleep(0.05)
        raise TimeoutError("the MES does not come up")

    def start_sender(*options: str) -> subprocess.Popen:
        return subprocess.Popen(
            [
                *(sys.executable, str(REPOSITORY / "scripts" / "faultline"), "push-actions"),
                *("--url", f"http://127.0.0.1:{port}/actions", "--workers", "6", "--timeout", "1", "--attempts", "8"),
                *("--breaker-failures", "12", "--breaker-pause", "0.5", "--breaker-pauses", "20"),
                *("--dead-letters", str(tmp_path / "dead"), *options),
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def taken() -> int:
        with sqlite3.connect(store) as connection:
            return connection.execute("select count(*) from accepted").fetchone()[0]

    server = start_server(0)
    kills = 0
    try:
        # Senders in pairs, one of them in batches; each pair is killed somewhere on its way, the MES now and then too.
        for round_number, goal in enumerate((1500, 5500)):
            senders = [start_sender(), start_sender("--batch-size", "7")]
            wanted = goal + dice.randrange(800)
            deadline = time.monotonic() + 40
            while taken() < wanted and time.monotonic() < deadline and any(one.poll() is None for one in senders):
                time.sleep(0.02)
            if round_number == 1:
                server.send_signal(signal.SIGKILL)
                server.wait()
                time.sleep(0.3)
                server = start_server(round_number)
                time.sleep(dice.random())
            for sender in senders:
                kills += sender.poll() is None
                sender.send_signal(signal.SIGKILL)
                sender.communicate()
                time.sleep(dice.random() * 0.2)
        assert kills >= 2, "the senders were too fast to be killed"
        assert taken() < ACTIONS
        last = [start_sender(), start_sender("--batch-size", "20")]
        outputs = [sender.communicate(timeout=80)[0] for sender in last]
        assert [sender.returncode for sender in last] == [0, 0], "\n".join(outputs)
        quiet = start_sender()
        assert "0 actions" in quiet.communicate(timeout=30)[0]
    finally:
        server.kill()
        server.wait()

    with sqlite3.connect(store) as connection:
        violations = connection.execute("select what from violations").fetchall()
        accepted = {
            (key, version): operation
            for key, version, operation in connection.execute("select action_key, version, operation from accepted")
        }
        deliveries = connection.execute("select count(*) from deliveries").fetchone()[0]
    with duckdb.connect(str(database), read_only=True) as connection:
        wanted_actions = {
            (key, version): operation
            for key, version, operation in connection.execute(
                "select action_key, version, operation from mes_actions"
            ).fetchall()
        }
        answers = connection.execute(
            f"""
            select action_key, cast(version as bigint), bool_and(status = 'accepted')
            from read_csv('{landing}/mes_acknowledgements/*.csv', all_varchar = true, header = true)
            group by all
            """
        ).fetchall()
    assert violations == []
    assert accepted == wanted_actions
    assert deliveries > ACTIONS, "no request was ever repeated: the trouble was too small to prove anything"
    assert {(key, version) for key, version, all_accepted in answers if all_accepted} == set(wanted_actions)
    assert not list((landing / "mes_acknowledgements").glob("*.open"))
    assert not (tmp_path / "dead").exists()
    print(f"{ACTIONS} actions, {deliveries} deliveries, {kills} senders killed")
