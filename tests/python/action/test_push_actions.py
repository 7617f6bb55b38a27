"""Delivery to an MES: what is retried, refused, given up and written down."""

import contextlib
import fcntl
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from faultline import UsageError
from faultline.push_actions import check_address
from faultline.push_actions_acknowledgements import TABLE, Acknowledgement, FolderAcknowledgements
from faultline.push_actions_delivery import Action, CircuitBreaker, Courier, Delivery, Result, seconds_of

Answer = tuple[int, object] | tuple[int, object, dict[str, str]]


def action(number: int, version: int = 1) -> Action:
    return Action(f"k{number}", version, "create", "scrap", f"I{number}", "L1", "2026-09-01", {"note": "ö"})


def accepted(request: dict) -> Answer:
    return 200, {"action_key": request["action_key"], "version": request["version"], "status": "accepted"}


@contextlib.contextmanager
def mes(script: Callable[[dict, int], Answer]) -> Iterator[tuple[str, list]]:
    """A server whose answers the test scripts: script(request, number of the request) -> status, body[, headers]."""
    seen: list[tuple[dict, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = json.loads(body)
            seen.append((request, dict(self.headers), body))
            status, content, *headers = script(request, len(seen))
            reply = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(reply)))
            for name, value in (headers[0] if headers else {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", seen
    finally:
        server.shutdown()
        server.server_close()


def deliver(url: str, actions: list[Action], **options) -> tuple[Result, list[Acknowledgement]]:
    answers: list[Acknowledgement] = []
    settings = {"workers": 1, "attempts": 3, "first_wait_seconds": 0.001, **options}
    breaker = settings.pop("breaker", CircuitBreaker(100, 0.01, 1))
    courier = Courier(url, settings.pop("timeout", 2), settings.pop("token", None), settings.pop("secret", None))
    return Delivery(courier, breaker, answers.append, **settings).run(actions), answers


def test_a_signed_request_proves_its_time_key_and_body():
    with mes(lambda request, _: accepted(request)) as (url, seen):
        deliver(url, [action(1)], secret="s3cret", token="t0ken")
    ((_, headers, body),) = seen
    signed = f"{headers['X-Faultline-Timestamp']}.k1:1.".encode() + body
    assert headers["X-Faultline-Signature"] == "v1=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["Idempotency-Key"] == "k1:1"
    assert headers["Authorization"] == "Bearer t0ken"


def test_a_retry_is_the_same_request_to_the_byte():
    with mes(lambda request, number: (500, "no") if number < 3 else accepted(request)) as (url, seen):
        result, _ = deliver(url, [action(1)])
    assert (result.accepted, result.requests, result.retries) == (1, 3, 2)
    assert len({(headers["Idempotency-Key"], body) for _, headers, body in seen}) == 1


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405])
def test_a_wrong_address_or_token_is_nobodys_dead_letter(status):
    with mes(lambda *_: (status, "no")) as (url, seen):
        result, answers = deliver(url, [action(n) for n in range(50)])
    assert f"HTTP {status}" in result.fatal
    assert len(seen) == 1
    assert (answers, result.dead_letters, result.undelivered) == ([], [], 50)


def test_a_refused_batch_is_halved_until_the_action_at_fault_stands_alone():
    def script(request, _):
        actions = request.get("actions", [request])
        if any(one["action_key"] == "k5" for one in actions):
            return 422, {"error": "unknown part"}
        results = [{"action_key": one["action_key"], "version": one["version"]} for one in actions]
        return 200, {"results": results} if "actions" in request else results[0]

    with mes(script) as (url, _):
        result, answers = deliver(url, [action(n) for n in range(8)], batch_size=8)
    assert (result.accepted, result.rejected, result.undelivered) == (7, 1, 0)
    ((refused, reason),) = result.dead_letters
    assert refused.action_key == "k5"
    assert "unknown part" in reason
    assert [one.message for one in answers if one.status == "rejected"] == [reason]


def test_an_action_the_batch_does_not_answer_is_sent_again_alone():
    def script(request, _):
        actions = request.get("actions", [request])
        results = [
            {**one, "status": "retry" if one["action_key"] == "k1" and "actions" in request else "accepted"}
            for one in ({"action_key": a["action_key"], "version": a["version"]} for a in actions)
        ]
        return 200, {"results": results} if "actions" in request else results[0]

    with mes(script) as (url, seen):
        result, _ = deliver(url, [action(n) for n in range(3)], batch_size=3)
    assert result.accepted == 3
    assert [len(request.get("actions", [request])) for request, _, _ in seen] == [3, 1]


def test_handed_over_is_not_accepted_and_a_refusal_may_come_with_200():
    def script(request, _):
        if request["action_key"] == "k0":
            return 202, b""
        if request["action_key"] == "k1":
            return 200, {"status": "Rejected", "message": "order\nclosed", "mes_reference": 7}
        return 204, b""

    with mes(script) as (url, _):
        result, answers = deliver(url, [action(n) for n in range(3)])
    assert (result.sent, result.rejected, result.accepted) == (1, 1, 1)
    assert {one.action_key: (one.status, one.mes_reference) for one in answers} == {
        "k0": ("sent", ""),
        "k1": ("rejected", "7"),
        "k2": ("accepted", ""),
    }


def test_somebody_elses_answer_is_not_taken():
    """A server or proxy that answered the request before twice: the surplus answer meets the next request."""
    with mes(lambda request, number: accepted(request if number > 1 else {"action_key": "k9", "version": 1})) as (
        url,
        _,
    ):
        result, answers = deliver(url, [action(1)])
    assert result.retries == 1
    assert [(one.action_key, one.status) for one in answers] == [("k1", "accepted")]


def test_a_version_waits_for_the_one_before_it():
    with mes(lambda request, _: (500, "no") if request["action_key"] == "k1" else accepted(request)) as (url, seen):
        result, _ = deliver(url, [action(1, 2), action(1, 1), action(2, 1), action(2, 2)], workers=3)
    assert [(r["action_key"], r["version"]) for r, _, _ in seen if r["action_key"] == "k2"] == [("k2", 1), ("k2", 2)]
    assert {r["version"] for r, _, _ in seen if r["action_key"] == "k1"} == {1}
    assert (result.accepted, result.undelivered) == (2, 2)


def test_a_breaker_stops_the_calls_and_gives_up_in_the_end():
    with mes(lambda *_: (503, "down")) as (url, seen):
        result, _ = deliver(url, [action(n) for n in range(500)], breaker=CircuitBreaker(5, 0.01, 2), workers=2)
    assert "stays away" in result.fatal
    assert result.undelivered == 500
    assert len(seen) < 15


def test_a_breaker_closes_again_when_the_mes_is_back():
    with mes(lambda request, number: (503, "down") if number <= 7 else accepted(request)) as (url, _):
        result, _ = deliver(url, [action(n) for n in range(20)], breaker=CircuitBreaker(3, 0.01, 20), attempts=10)
    assert (result.accepted, result.fatal) == (20, None)


def test_no_server_at_all_leaves_everything_for_the_next_run():
    result, answers = deliver("http://127.0.0.1:9/", [action(1)])
    assert (result.undelivered, answers) == (1, [])


@pytest.mark.parametrize(("header", "seconds"), [("2", 2), ("-1", 0), ("86400", 60), (None, 0), ("tomorrow", 0)])
def test_retry_after_is_honoured_within_reason(header, seconds):
    assert seconds_of(header) == seconds


def test_the_token_does_not_travel_in_the_open(monkeypatch):
    monkeypatch.setenv("FAULTLINE_MES_TOKEN", "secret")
    check_address("https://mes.example/actions")
    check_address("http://localhost:8080/actions")
    for url in ("http://mes.example/actions", "ftp://mes.example", "https://me:pw@mes.example", None):
        with pytest.raises(UsageError):
            check_address(url)


def test_a_killed_writer_leaves_whole_lines_only(tmp_path: Path):
    folder = tmp_path / TABLE
    folder.mkdir()
    head = "action_key,version,acknowledged_at,status,mes_reference,message\n"
    (folder / "dead.csv.open").write_text(head + "k1,1,2026-09-01 10:00:00,accepted,,\nk2,1,2026-09-0")
    (folder / "empty.csv.open").write_text(head)
    with (folder / "alive.csv.open").open("w") as alive:
        alive.write(head + "k3,2,2026-09-01 10:00:00,rejected,,\nk4,1,2026")
        alive.flush()
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        known = FolderAcknowledgements(tmp_path).known()
    assert known == {("k1", 1): "accepted", ("k3", 2): "rejected"}
    assert sorted(path.name for path in folder.iterdir()) == ["alive.csv.open", "dead.csv"]
    assert (folder / "dead.csv").read_text() == head + "k1,1,2026-09-01 10:00:00,accepted,,\n"


def test_answers_are_on_disk_when_they_come_and_named_when_the_run_ends(tmp_path: Path):
    acknowledgements = FolderAcknowledgements(tmp_path)
    acknowledgements.add(Acknowledgement("k1", 1, "rejected", "M,1", 'say "no"\nand more'))
    (unfinished,) = (tmp_path / TABLE).iterdir()
    assert unfinished.name.endswith(".csv.open")
    assert unfinished.read_text().splitlines()[1].endswith('rejected,"M,1","say ""no"" and more"')
    acknowledgements.close()
    (finished,) = (tmp_path / TABLE).iterdir()
    assert finished.name.endswith(".csv")
    assert FolderAcknowledgements(tmp_path).known() == {("k1", 1): "rejected"}


def test_a_real_answer_counts_before_a_handover_and_no_version_means_the_first(tmp_path: Path):
    (tmp_path / TABLE).mkdir()
    (tmp_path / TABLE / "mes.csv").write_text(
        "action_key,acknowledged_at,status\nk1,2026-09-01 10:00:00,Accepted\nk2,2026-09-01 10:00:00,rejected\n"
        "k2,2026-09-01 11:00:00,accepted\n"
    )
    (tmp_path / TABLE / "push.csv").write_text(
        "action_key,version,acknowledged_at,status\nk1,1,2026-09-02 10:00:00,sent\nk1,2,2026-09-02 10:00:00,sent\n"
    )
    assert FolderAcknowledgements(tmp_path).known() == {("k1", 1): "accepted", ("k1", 2): "sent", ("k2", 1): "accepted"}


def test_a_landing_file_is_moved_only_when_asked(tmp_path: Path):
    single = tmp_path / f"{TABLE}.csv"
    single.write_text("action_key,acknowledged_at,status\nk1,2026-09-01 10:00:00,accepted\n")
    with pytest.raises(UsageError, match="adopt"):
        FolderAcknowledgements(tmp_path)
    assert single.exists()
    assert FolderAcknowledgements(tmp_path, adopts_file=True).known() == {("k1", 1): "accepted"}
    assert not single.exists()


def test_who_only_looks_reads_the_file_and_the_folder_and_leaves_both(tmp_path: Path):
    head = "action_key,version,acknowledged_at,status\n"
    (tmp_path / f"{TABLE}.csv").write_text(head + "k1,1,2026-09-01 10:00:00,accepted\n")
    assert FolderAcknowledgements(tmp_path, only_looks=True).known() == {("k1", 1): "accepted"}
    assert [path.name for path in tmp_path.iterdir()] == [f"{TABLE}.csv"]
    (tmp_path / TABLE).mkdir()
    (tmp_path / TABLE / "dead.csv.open").write_text(head + "k2,1,2026-09-01 10:00:00,sent\n")
    assert FolderAcknowledgements(tmp_path, adopts_file=True, only_looks=True).known().keys() == {("k1", 1), ("k2", 1)}
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["dead.csv.open", TABLE, f"{TABLE}.csv"]
    assert FolderAcknowledgements(tmp_path / "nowhere", only_looks=True).known() == {}
    assert not (tmp_path / "nowhere").exists()
