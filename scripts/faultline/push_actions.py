"""`push-actions`: hands the open actions of the outbox to the MES, by HTTP or as a CSV file.

Safe to run twice, in parallel and to kill: an action that was sent but whose answer was not written down is sent again
under the same idempotency key. Secrets come from the environment: FAULTLINE_MES_TOKEN (bearer token) and
FAULTLINE_MES_SECRET (key of the HMAC signature).
"""

import argparse
import csv
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from faultline import UsageError
from faultline.push_actions_acknowledgements import (
    Acknowledgement,
    Acknowledgements,
    FolderAcknowledgements,
    TableAcknowledgements,
)
from faultline.push_actions_delivery import Action, CircuitBreaker, Courier, Delivery, Result
from faultline.warehouse import Warehouse, add_warehouse_arguments, json_object, landing_folder

COLUMNS = ("action_key", "version", "operation", "kind", "subject_id", "line_id", "emitted_at")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    goal = parser.add_mutually_exclusive_group()
    goal.add_argument("--url", help="address that takes the actions (default: FAULTLINE_MES_URL)")
    goal.add_argument("--csv", type=Path, metavar="FILE", help="write them to a new CSV file instead")
    parser.add_argument("--dry-run", action="store_true", help="say what would be sent and send nothing")
    parser.add_argument("--limit", type=int, help="send no more than this many actions")
    parser.add_argument("--batch-size", type=int, default=1, help="actions per request (default: 1)")
    parser.add_argument("--workers", type=int, default=4, help="requests at a time (default: 4)")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for an answer (default: 10)")
    parser.add_argument("--attempts", type=int, default=6, help="tries per request and run (default: 6)")
    parser.add_argument("--breaker-failures", type=int, default=10, help="failures in a row that cause a pause")
    parser.add_argument("--breaker-pause", type=float, default=20.0, help="seconds of a pause")
    parser.add_argument("--breaker-pauses", type=int, default=3, help="pauses in a row after which the run gives up")
    parser.add_argument("--resend-rejected", action="store_true", help="send rejected actions again too")
    parser.add_argument("--resend-sent", action="store_true", help="send again what was handed over and never answered")
    parser.add_argument(
        "--adopt-acknowledgements",
        action="store_true",
        help="move a landing file mes_acknowledgements.csv into a folder of that name, so that this command can add",
    )
    parser.add_argument(
        "--dead-letters", type=Path, default=Path("target/dead_letters"), help="folder for what the MES refused"
    )
    add_warehouse_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0: nothing is left over; 1: some actions are still to be delivered."""
    url = arguments.url or os.environ.get("FAULTLINE_MES_URL")
    if not arguments.csv and not arguments.dry_run:
        check_address(url)
    warehouse = Warehouse(arguments.target, arguments.profiles_dir, arguments.vars)
    if warehouse.is_lakehouse:
        with warehouse:
            return push(arguments, url, warehouse, TableAcknowledgements(warehouse))
    acknowledgements = FolderAcknowledgements(
        landing_folder(), arguments.adopt_acknowledgements, only_looks=arguments.dry_run
    )
    return push(arguments, url, warehouse, acknowledgements)


def check_address(url: str | None) -> None:
    """Raises UsageError for an address that cannot be used, or not safely."""
    if not url:
        raise UsageError("where to? Give --url, FAULTLINE_MES_URL or --csv")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"not an http address: {url}")
    if parts.username or parts.password:
        raise UsageError("credentials do not belong in the address: use FAULTLINE_MES_TOKEN")
    is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme == "http" and not is_local and os.environ.get("FAULTLINE_MES_TOKEN"):
        raise UsageError("FAULTLINE_MES_TOKEN is not sent over plain http: use https")


def push(
    arguments: argparse.Namespace, url: str | None, warehouse: Warehouse, acknowledgements: Acknowledgements
) -> int:
    open_states = {"pending"}
    open_states |= {"rejected"} if arguments.resend_rejected else set()
    open_states |= {"sent"} if arguments.resend_sent else set()
    actions = open_actions(warehouse, acknowledgements.known(), open_states)
    if arguments.limit is not None:
        actions = actions[: max(arguments.limit, 0)]
    if arguments.dry_run:
        for action in actions:
            print(f"{action.idempotency_key} {action.operation} {action.kind} {action.subject_id}")
        print(f"{len(actions)} actions to deliver", file=sys.stderr)
        return 0
    try:
        if arguments.csv:
            result = write_csv(arguments.csv, actions, acknowledgements)
        else:
            result = post(arguments, str(url), actions, acknowledgements)
    finally:
        acknowledgements.close()
    if result.dead_letters:
        write_dead_letters(arguments.dead_letters, result)
    print(
        f"{len(actions)} actions: {result.accepted} accepted, {result.rejected} rejected, {result.sent} handed over, "
        f"{result.undelivered} still to be delivered ({result.requests} requests, {result.retries} of them retries)"
    )
    if result.fatal:
        print(f"faultline push-actions: {result.fatal}", file=sys.stderr)
    return 1 if result.undelivered or result.fatal else 0


def open_actions(warehouse: Warehouse, known: dict[tuple[str, int], str], open_states: set[str]) -> list[Action]:
    """The actions of the last build that are not settled, neither there nor by a later answer in the landing."""
    query = (
        f"select {', '.join(COLUMNS)}, payload, state from {warehouse.table('mes_actions')} "
        "order by emitted_at, action_key, version"
    )
    if warehouse.is_lakehouse:
        rows = warehouse.rows(query)
    else:
        with warehouse:  # the file is free again while the actions travel
            rows = warehouse.rows(query)
    actions = []
    for row in rows:
        state = known.get((row["action_key"], int(row["version"])), row["state"])
        if state in open_states and row["state"] != "reversed":
            actions.append(
                Action(
                    **{name: row[name] for name in COLUMNS if name not in ("version", "emitted_at")},
                    version=int(row["version"]),
                    emitted_at=str(row["emitted_at"]),
                    payload=json_object(row["payload"]),
                )
            )
    return actions


def post(arguments: argparse.Namespace, url: str, actions: list[Action], acknowledgements: Acknowledgements) -> Result:
    courier = Courier(
        url, arguments.timeout, os.environ.get("FAULTLINE_MES_TOKEN"), os.environ.get("FAULTLINE_MES_SECRET")
    )
    breaker = CircuitBreaker(arguments.breaker_failures, arguments.breaker_pause, arguments.breaker_pauses)
    delivery = Delivery(
        courier, breaker, acknowledgements.add, arguments.batch_size, arguments.workers, arguments.attempts
    )
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: delivery.stop())
    return delivery.run(actions)


def write_csv(path: Path, actions: list[Action], acknowledgements: Acknowledgements) -> Result:
    """A new file with all actions, whole or not at all; then each action counts as handed over."""
    if path.exists():
        raise UsageError(f"{path} is there already: an export never replaces another")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, "payload"])
        for action in actions:
            document = action.document()
            payload = json.dumps(action.payload, sort_keys=True, ensure_ascii=False)
            writer.writerow([*(document[name] for name in COLUMNS), payload])
    os.link(unfinished, path)  # fails where a second run was faster
    unfinished.unlink()
    for action in actions:
        acknowledgements.add(
            Acknowledgement(action.action_key, action.version, "sent", message=f"exported to {path.name}")
        )
    return Result(sent=len(actions))


def write_dead_letters(folder: Path, result: Result) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"dead_letters-{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for action, reason in result.dead_letters:
            file.write(json.dumps({**action.document(), "reason": reason}, ensure_ascii=False) + "\n")
    print(f"refused by the MES: {path}", file=sys.stderr)
