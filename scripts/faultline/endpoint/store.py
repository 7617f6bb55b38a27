"""The answers that were received, kept from the moment they arrive, and every request with what it cost.

One SQLite file in WAL mode beside the DuckDB file. An answer is committed before its place among the requests in
flight is given to another, so a process that is killed has lost at most the requests that were in flight.
"""

import fcntl
import json
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import NamedTuple

from faultline.endpoint import EndpointError

SCHEMA = """
create table if not exists answers (
    answer_key text primary key,      -- content of the question: see questions.answer_key
    step text not null,
    question text not null,           -- model, prompt version and text in short
    inspection_id text not null,      -- the row it was asked for; other rows with the same content get it for nothing
    raw_response text not null,
    input_tokens integer,
    output_tokens integer,
    latency_ms real,
    finish_reason text,
    served_model text,
    requests_sent integer not null,
    cost real,
    run_id text not null,
    asked_at real not null
);
create table if not exists failures (
    answer_key text not null,
    run_id text not null,
    inspection_id text not null,
    error text not null,
    is_retryable integer not null,
    requests_sent integer not null,
    cost real,
    asked_at real not null,
    primary key (answer_key, run_id)
) without rowid;
create table if not exists requests (
    request_id integer primary key,
    run_id text not null,
    sent_at real not null,
    state text not null,              -- in_flight, answered, refused (the server did no work), lost (it may have)
    cost real not null,               -- reserved while in flight, then what it came to
    tokens integer not null
);
create index if not exists requests_sent_at on requests (sent_at);
create index if not exists answers_question on answers (question);
"""
ANSWER_COLUMNS = (
    "answer_key, step, question, inspection_id, raw_response, input_tokens, output_tokens, latency_ms, finish_reason, "
    "served_model, requests_sent, cost, run_id, asked_at"
)
ANSWER_NAMES = tuple(ANSWER_COLUMNS.split(", "))
KEPT_DAYS = 3  # of the request log, which only serves the budgets of a run and of a day


class Spent(NamedTuple):
    calls_run: int
    calls_day: int
    cost_run: float
    cost_day: float


def day_start(now: float) -> float:
    """The start of the UTC day."""
    return now - now % 86_400


class Store:
    """Written by one thread (the engine's); read by any."""

    def __init__(self, path: str | Path):
        self.path = str(path)
        self._local = threading.local()
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._connect()
            self._writer.executescript(SCHEMA)
            self._writer.execute("delete from requests where sent_at < ?", (time.time() - KEPT_DAYS * 86_400,))
        except sqlite3.DatabaseError as error:
            raise EndpointError(f"the answer store {self.path} cannot be used: {error}") from None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.row_factory = sqlite3.Row
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        return connection

    def _reader(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect()
        return self._local.connection

    def close(self):
        self.commit()
        self._writer.close()

    # ---- answers and failures

    def answer(self, answer_key: str) -> sqlite3.Row | None:
        return self._reader().execute("select * from answers where answer_key = ?", (answer_key,)).fetchone()

    def has_answer(self, answer_key: str) -> bool:
        return (
            self._reader().execute("select 1 from answers where answer_key = ?", (answer_key,)).fetchone() is not None
        )

    def has_answers_to(self, question: str) -> bool:
        """Whether this model ever answered this prompt."""
        return (
            self._reader().execute("select 1 from answers where question = ? limit 1", (question,)).fetchone()
            is not None
        )

    def most_input_tokens(self, question: str) -> int:
        """The most tokens that any row of this question had, as far as is known."""
        row = self._writer.execute("select max(input_tokens) from answers where question = ?", (question,)).fetchone()
        return row[0] or 0

    def failure(self, answer_key: str, run_id: str) -> sqlite3.Row | None:
        return (
            self._reader()
            .execute("select * from failures where answer_key = ? and run_id = ?", (answer_key, run_id))
            .fetchone()
        )

    def keep_answer(self, row: dict, request_id: int, tokens: int):
        """The answer and the end of the request that brought it; durable with the next commit()."""
        self._write(
            f"insert or ignore into answers ({ANSWER_COLUMNS}) values ({', '.join('?' * 14)})",
            tuple(row[name] for name in ANSWER_NAMES),
        )
        self.request_ended(request_id, "answered", row["request_cost"], tokens)

    def keep_failure(
        self,
        answer_key: str,
        run_id: str,
        inspection_id: str,
        error: str,
        is_retryable: bool,
        requests_sent: int,
        cost: float | None,
        asked_at: float,
    ):
        self._write(
            "insert or replace into failures values (?, ?, ?, ?, ?, ?, ?, ?)",
            (answer_key, run_id, inspection_id, error, is_retryable, requests_sent, cost, asked_at),
        )

    def forget_failures_of_other_runs(self, run_id: str):
        """They are in the ledger or, after a crash, simply asked again."""
        self._write("delete from failures where run_id <> ?", (run_id,))
        self.commit()

    # ---- requests and what they cost

    def request_sent(self, run_id: str, cost: float, tokens: int) -> int:
        return self._write(
            "insert into requests (run_id, sent_at, state, cost, tokens) values (?, ?, 'in_flight', ?, ?)",
            (run_id, time.time(), cost, tokens),
        ).lastrowid

    def request_ended(self, request_id: int, state: str, cost: float, tokens: int = 0):
        self._write(
            "update requests set state = ?, cost = ?, tokens = ? where request_id = ?",
            (state, cost, tokens, request_id),
        )

    def spent(self, run_id: str) -> Spent:
        """Calls and money of this run and of this UTC day. A refused request is no call; a lost one may have been."""
        row = self._writer.execute(
            """
            select
                coalesce(sum(case when run_id = :run_id then 1 end), 0),
                coalesce(sum(case when sent_at >= :day then 1 end), 0),
                coalesce(sum(case when run_id = :run_id then cost end), 0.0),
                coalesce(sum(case when sent_at >= :day then cost end), 0.0)
            from requests
            where state <> 'refused'
            """,
            {"run_id": run_id, "day": day_start(time.time())},
        ).fetchone()
        return Spent(*row)

    def recent_requests(self, seconds: float) -> list[tuple[float, int]]:
        """Age in seconds and tokens of the requests sent lately, oldest first: quotas do not start anew with a run."""
        now = time.time()
        rows = self._writer.execute(
            "select sent_at, tokens from requests where sent_at > ? order by sent_at", (now - seconds,)
        ).fetchall()
        return [(now - sent_at, tokens) for sent_at, tokens in rows]

    def commit(self):
        """Make durable what was written. Several writes share a commit: that is what makes one cheap."""
        try:
            if self._writer.in_transaction:
                self._writer.execute("commit")
        except sqlite3.Error as error:
            raise self._unwritable(error) from None

    def _write(self, sql: str, values: tuple) -> sqlite3.Cursor:
        try:
            if not self._writer.in_transaction:
                self._writer.execute("begin immediate")
            return self._writer.execute(sql, values)
        except sqlite3.Error as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: sqlite3.Error) -> EndpointError:
        """A full disk above all: to go on asking would be to pay for answers that cannot be kept."""
        return EndpointError(f"the answer store {self.path} cannot be written: {error}")


class RunLock:
    """One run at a time asks and writes; held until the process ends, however it ends."""

    def __init__(self, store_path: str | Path):
        self.path = f"{store_path}.lock"
        self._descriptor: int | None = None

    def holder(self) -> str | None:
        """Who holds the lock, if another process does."""
        if not os.path.exists(self.path):
            return None
        try:
            descriptor = os.open(self.path, os.O_RDWR)
        except OSError:
            return None  # of somebody else: acquire() says so, if a run comes to ask
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder_text(descriptor)
        finally:
            os.close(descriptor)
        return None

    def acquire(self):
        if self._descriptor is not None:
            return
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EndpointError(f"the lock {self.path} cannot be taken: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder_text(descriptor)
            os.close(descriptor)
            raise EndpointError(refusal_text(holder)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(
            descriptor,
            json.dumps({"pid": os.getpid(), "since": time.strftime("%H:%M:%S UTC", time.gmtime())}).encode(),
            0,
        )
        self._descriptor = descriptor

    def release(self):
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def refusal_text(holder: str) -> str:
    """Why a second run does not start."""
    return f"another run is asking the endpoint ({holder}). Wait for it, or stop it: what it received is kept"


def _holder_text(descriptor: int) -> str:
    try:
        facts = json.loads(os.pread(descriptor, 200, 0))
        return f"process {int(facts['pid'])}, since {facts['since']}"
    except (ValueError, KeyError, TypeError):
        return "an unknown process"
