"""Answers of the MES as landing rows: each is written when it arrives, and survives a killed process.

On DuckDB a run appends to a file of its own in the folder mes_acknowledgements of the landing. While it is written its
name ends in `.csv.open`, which dbt does not read; it gets its final name when the run ends. A file whose writer was
killed is finished by the next run, without a half-written last line. On Lakehouse rows are inserted in small groups.
"""

import contextlib
import csv
import fcntl
import io
import os
import secrets
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from faultline import UsageError
from faultline.warehouse import Warehouse

TABLE = "mes_acknowledgements"
COLUMNS = ("action_key", "version", "acknowledged_at", "status", "mes_reference", "message")
MESSAGE_LENGTH = 500


class Acknowledgement(NamedTuple):
    action_key: str
    version: int
    status: str  # accepted, rejected or sent
    mes_reference: str = ""
    message: str = ""

    def cells(self) -> list[str]:
        """The row as text, one line whatever the MES wrote."""
        return [
            self.action_key,
            str(self.version),
            datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
            self.status,
            one_line(self.mes_reference),
            one_line(self.message),
        ]


class Acknowledgements(Protocol):
    def known(self) -> dict[tuple[str, int], str]: ...
    def add(self, acknowledgement: Acknowledgement) -> None: ...
    def close(self) -> None: ...


def one_line(text: str) -> str:
    return " ".join(str(text).split())[:MESSAGE_LENGTH]


class FolderAcknowledgements:
    """Rows in a folder of the landing. Who only looks (a dry run) changes nothing there and cannot add."""

    def __init__(self, landing: Path, adopts_file: bool = False, only_looks: bool = False) -> None:
        self._folder = landing / TABLE
        self._single = landing / f"{TABLE}.csv"
        if only_looks:
            return
        for suffix in (".csv", ".parquet"):
            single = landing / f"{TABLE}{suffix}"
            if not single.is_file():
                continue
            if not adopts_file:
                raise UsageError(
                    f"{single} is one file, and a table may not be both a file and a folder: "
                    f"move it to {self._folder}/earlier{suffix}, or let --adopt-acknowledgements do it"
                )
            self._folder.mkdir(exist_ok=True)
            single.rename(self._folder / f"earlier{suffix}")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._finish_abandoned()
        self._name = f"push-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(4)}.csv"
        self._file: io.TextIOWrapper | None = None
        self._lock = threading.Lock()

    def known(self) -> dict[tuple[str, int], str]:
        """The latest answer to each version of each action that stands in the CSV files of the landing."""
        answers: dict[tuple[str, int], tuple[bool, str, str]] = {}
        # In this order none is missed: a file may be adopted, or finished, meanwhile.
        for path in [self._single, *self._folder.rglob("*.csv.open"), *self._folder.rglob("*.csv")]:
            content = b""
            # A file may be finished, and renamed, between the listing and the reading; an empty one goes away.
            for name in (path, path.with_suffix("") if path.suffix == ".open" else path):
                with contextlib.suppress(FileNotFoundError):
                    content = name.read_bytes()
                    break
            whole_lines = content[: content.rfind(b"\n") + 1] if path.suffix == ".open" else content
            for row in csv.DictReader(io.StringIO(whole_lines.decode("utf-8-sig", errors="replace"), newline="")):
                cells = {(name or "").strip().lower(): value or "" for name, value in row.items() if name is not None}
                version = cells.get("version", "").strip() or "1"
                status = cells.get("status", "").strip().lower()
                if not version.isdigit() or not cells.get("action_key"):
                    continue
                key = (cells["action_key"].strip(), int(version))
                answer = (status != "sent", cells.get("acknowledged_at", ""), status)
                answers[key] = max(answers.get(key, answer), answer)
        return {key: status for key, (_, _, status) in answers.items()}

    def add(self, acknowledgement: Acknowledgement) -> None:
        """Write one row; it is out of this process when the call returns."""
        with self._lock:
            if self._file is None:
                self._file = self._create()
                self._write(list(COLUMNS))
            self._write(acknowledgement.cells())

    def close(self) -> None:
        """Give the file its final name."""
        with self._lock:
            if self._file is None:
                return
            self._file.flush()
            os.fsync(self._file.fileno())
            (self._folder / f"{self._name}.open").rename(self._folder / self._name)
            self._file.close()
            self._file = None

    def _create(self) -> io.TextIOWrapper:
        # Locked before it gets the name by which others know it: nobody can take it for abandoned.
        hidden = self._folder / f".{self._name}"
        file = hidden.open("w", encoding="utf-8", newline="")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(self._folder / f"{self._name}.open")
        return file

    def _write(self, cells: list[str]) -> None:
        line = io.StringIO(newline="")
        csv.writer(line, lineterminator="\n").writerow(cells)
        self._file.write(line.getvalue())
        self._file.flush()

    def _finish_abandoned(self) -> None:
        for path in self._folder.glob("*.csv.open"):
            with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                content = file.read()
                file.truncate(content.rfind(b"\n") + 1)
                if content.count(b"\n") > 1:
                    path.rename(path.with_suffix(""))
                else:  # nothing but a header, or not even that
                    path.unlink()


class TableAcknowledgements:
    """Rows in the landing table of Lakehouse, inserted in groups."""

    GROUP = 100

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._table = warehouse.table(TABLE, schema=str(warehouse.variables.get("landing_schema", "landing")))
        self._waiting: list[Acknowledgement] = []
        self._lock = threading.Lock()

    def known(self) -> dict[tuple[str, int], str]:
        """The latest answer to each version of each action that stands in the table."""
        rows = self._warehouse.rows(f"select action_key, version, acknowledged_at, status from {self._table}")
        answers: dict[tuple[str, int], tuple[bool, str, str]] = {}
        for row in rows:
            key = (row["action_key"], int(row["version"] or 1))
            status = str(row["status"] or "").strip().lower()
            answer = (status != "sent", str(row["acknowledged_at"]), status)
            answers[key] = max(answers.get(key, answer), answer)
        return {key: status for key, (_, _, status) in answers.items()}

    def add(self, acknowledgement: Acknowledgement) -> None:
        with self._lock:
            self._waiting.append(acknowledgement)
            if len(self._waiting) >= self.GROUP:
                self._insert()

    def close(self) -> None:
        with self._lock:
            self._insert()

    def _insert(self) -> None:
        if not self._waiting:
            return
        text = self._warehouse.literal
        rows = []
        for waiting in self._waiting:
            key, version, at, status, reference, message = waiting.cells()
            rows.append(
                f"select {text(key)}, cast({version} as bigint), cast({text(at)} as timestamp), {text(status)}, "
                f"{text(reference)}, {text(message)}"
            )
        self._warehouse.execute(f"insert into {self._table} ({', '.join(COLUMNS)}) " + " union all ".join(rows))
        self._waiting = []
