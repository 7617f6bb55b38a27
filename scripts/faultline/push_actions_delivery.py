"""Delivery of actions to an MES over HTTP: order, retries, circuit breaker, signature.

Every request may be repeated: it carries an idempotency key, and an action always has the same key and bytes. What the
MES has to do is to keep the keys it has taken and to answer a known one as it did before.
"""

import hashlib
import hmac
import json
import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import requests

from faultline import UsageError
from faultline.push_actions_acknowledgements import Acknowledgement

RETRIED_STATUS = {408, 409, 425, 429, 500, 502, 503, 504}
# The request itself is at fault, and so is every other one: going on would turn the whole outbox into dead letters.
FATAL_STATUS = {301, 302, 303, 307, 308, 401, 402, 403, 404, 405, 406, 407, 410, 411, 415, 421, 426, 501, 505}
LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Action:
    action_key: str
    version: int
    operation: str  # create, amend or reverse
    kind: str
    subject_id: str
    line_id: str | None
    emitted_at: str
    payload: dict[str, Any] = field(hash=False)

    @property
    def idempotency_key(self) -> str:
        return f"{self.action_key}:{self.version}"

    def document(self) -> dict[str, Any]:
        return {
            "action_key": self.action_key,
            "version": self.version,
            "operation": self.operation,
            "kind": self.kind,
            "subject_id": self.subject_id,
            "line_id": self.line_id,
            "emitted_at": self.emitted_at,
            "payload": self.payload,
        }


class Unavailable(Exception):
    """The MES did not answer, or not usefully: the same request is due again."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


class Refused(Exception):
    """The MES understood the request and will not take it, now or later."""


class Fatal(Exception):
    """Nothing can be delivered: address, credentials or protocol are wrong, or the MES stays away."""


class CircuitBreaker:
    """Stops calling an MES that keeps failing; after a pause one call may try; gives up after some pauses in a row."""

    def __init__(self, failures: int, pause_seconds: float, pauses: int) -> None:
        self._limit, self._pause_seconds, self._pauses = failures, pause_seconds, pauses
        self._failures = self._pauses_made = 0
        self._closed_again_at = 0.0
        self._is_trying = False
        self._condition = threading.Condition()

    def enter(self, is_stopped: Callable[[], bool]) -> None:
        """Wait until a call may be made.

        Raises Fatal once the pauses are used up.
        """
        with self._condition:
            while self._failures >= self._limit:
                if self._pauses_made > self._pauses:
                    raise Fatal(f"{self._failures} failures in a row and {self._pauses} pauses: the MES stays away")
                left = self._closed_again_at - time.monotonic()
                if left <= 0 and not self._is_trying:
                    self._is_trying = True
                    return
                if is_stopped():
                    return
                self._condition.wait(min(max(left, 0.05), 0.5))

    def leave(self, is_success: bool) -> None:
        with self._condition:
            if is_success:
                self._failures = self._pauses_made = 0
            else:
                self._failures += 1
                if self._failures == self._limit or (self._failures > self._limit and self._is_trying):
                    self._pauses_made += 1
                    self._closed_again_at = time.monotonic() + self._pause_seconds
            self._is_trying = False
            self._condition.notify_all()


class Courier:
    """Sends one request and reads the answer. One session per thread."""

    def __init__(self, url: str, timeout_seconds: float, token: str | None = None, secret: str | None = None) -> None:
        self._url, self._timeout, self._token, self._secret = url, timeout_seconds, token, secret
        self._local = threading.local()

    def send(self, batch: list[Action]) -> list[Acknowledgement]:
        """The answers to those actions of the batch that were answered; what is missing is due again.

        Raises Unavailable, Refused or Fatal where the request as a whole failed.
        """
        if len(batch) == 1:
            document: dict[str, Any] = batch[0].document()
            key = batch[0].idempotency_key
        else:
            document = {"actions": [{**one.document(), "idempotency_key": one.idempotency_key} for one in batch]}
            key = hashlib.sha256("\n".join(one.idempotency_key for one in batch).encode()).hexdigest()
        body = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        try:
            response = self._session().post(
                self._url, data=body, headers=self._headers(key, body), timeout=self._timeout, allow_redirects=False
            )
        except requests.exceptions.InvalidURL as error:
            raise Fatal(str(error)) from error
        except requests.exceptions.SSLError as error:
            raise Fatal(f"no trust in the certificate: {error}") from error
        except requests.RequestException as error:
            self._forget_session()
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        return self._read(batch, response)

    def _headers(self, key: str, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if self._secret:
            stamp = str(int(time.time()))
            signed = b".".join([stamp.encode(), key.encode(), body])
            headers["X-Faultline-Timestamp"] = stamp
            headers["X-Faultline-Signature"] = (
                "v1=" + hmac.new(self._secret.encode(), signed, hashlib.sha256).hexdigest()
            )
        return headers

    def _read(self, batch: list[Action], response: requests.Response) -> list[Acknowledgement]:
        status, words = response.status_code, " ".join(response.text.split())[:300]
        if status in RETRIED_STATUS:
            raise Unavailable(f"HTTP {status} {words}", seconds_of(response.headers.get("Retry-After")))
        if status in FATAL_STATUS:
            raise Fatal(f"HTTP {status} from {self._url}: {words}")
        if not 200 <= status < 300:
            raise Refused(f"HTTP {status} {words}")
        usual = "sent" if status == 202 else "accepted"
        if not response.content.strip():
            if len(batch) > 1:
                raise Fatal("the MES answered a batch without naming its actions: use --batch-size 1")
            return [Acknowledgement(batch[0].action_key, batch[0].version, usual)]
        try:
            answer = response.json()
            results = [answer] if len(batch) == 1 and "results" not in answer else answer["results"]
            return self._match(batch, results, usual)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._forget_session()
            raise Unavailable(f"HTTP {status} with an answer that cannot be read: {words}") from error

    def _match(self, batch: list[Action], results: list[dict], usual: str) -> list[Acknowledgement]:
        """Answers that name an action of the batch; any other means that this is somebody else's answer."""
        asked = {(one.action_key, one.version) for one in batch}
        acknowledgements = []
        for result in results:
            named = (result.get("action_key", batch[0].action_key), int(result.get("version", batch[0].version)))
            if named not in asked:
                self._forget_session()
                raise Unavailable(f"the answer is about {named[0]} version {named[1]}, which was not asked")
            status = str(result.get("status", usual)).strip().lower()
            if status == "retry":
                continue
            if status not in ("accepted", "rejected", "sent"):
                raise ValueError(status)
            acknowledgements.append(
                Acknowledgement(
                    *named, status, str(result.get("mes_reference") or ""), str(result.get("message") or "")
                )
            )
        return acknowledgements

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        return self._local.session

    def _forget_session(self) -> None:
        if hasattr(self._local, "session"):
            self._local.session.close()
            del self._local.session


def seconds_of(retry_after: str | None) -> float:
    """Retry-After in seconds; a date or nonsense counts as none, and no wait is endless."""
    try:
        return min(max(float(retry_after or 0), 0.0), LONGEST_WAIT_SECONDS)
    except ValueError:
        return 0.0


@dataclass
class Result:
    accepted: int = 0
    rejected: int = 0
    sent: int = 0
    undelivered: int = 0
    requests: int = 0
    retries: int = 0
    fatal: str | None = None
    dead_letters: list[tuple[Action, str]] = field(default_factory=list)


class Delivery:
    """Delivers actions with several workers. A version is sent only after the version before it was answered."""

    def __init__(
        self,
        courier: Courier,
        breaker: CircuitBreaker,
        acknowledge: Callable[[Acknowledgement], None],
        batch_size: int = 1,
        workers: int = 4,
        attempts: int = 6,
        first_wait_seconds: float = 0.2,
    ) -> None:
        if batch_size < 1 or workers < 1 or attempts < 1:
            raise UsageError("batch size, workers and attempts are at least 1")
        self._courier, self._breaker, self._acknowledge = courier, breaker, acknowledge
        self._batch_size, self._workers, self._attempts = batch_size, workers, attempts
        self._first_wait = first_wait_seconds
        self._later: dict[str, deque[Action]] = defaultdict(deque)
        self._ready: deque[Action] = deque()
        self._in_flight = 0
        self._condition = threading.Condition()
        self._stopped = threading.Event()
        self.result = Result()

    def run(self, actions: Iterable[Action]) -> Result:
        """Deliver and return what became of it; never raises for what the MES does."""
        for action in sorted(actions, key=lambda one: (one.action_key, one.version)):
            self._later[action.action_key].append(action)
        total = sum(len(versions) for versions in self._later.values())
        first_of_each = [versions.popleft() for versions in self._later.values()]
        self._ready.extend(sorted(first_of_each, key=lambda one: (one.emitted_at, one.action_key)))
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self._workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        answered = self.result.accepted + self.result.rejected + self.result.sent
        self.result.undelivered = total - answered
        return self.result

    def stop(self) -> None:
        """Finish the requests that are out and send no more."""
        self._stopped.set()

    def _work(self) -> None:
        while not self._stopped.is_set():
            with self._condition:
                while not self._ready and self._in_flight and not self._stopped.is_set():
                    self._condition.wait(0.2)
                if not self._ready:
                    self._condition.notify_all()
                    return
                batch = [self._ready.popleft() for _ in range(min(self._batch_size, len(self._ready)))]
                self._in_flight += 1
            try:
                self._deliver(batch)
            except Fatal as error:
                with self._condition:
                    self.result.fatal = str(error)
                self.stop()
            finally:
                with self._condition:
                    self._in_flight -= 1
                    self._condition.notify_all()

    def _deliver(self, batch: list[Action]) -> None:
        left = batch
        for attempt in range(1, self._attempts + 1):
            self._breaker.enter(self._stopped.is_set)
            if self._stopped.is_set():
                return
            with self._condition:
                self.result.requests += 1
                self.result.retries += attempt > 1
            try:
                answers = self._courier.send(left)
            except Refused as refusal:
                self._breaker.leave(is_success=True)
                self._refuse(left, str(refusal))
                return
            except Fatal:
                self._breaker.leave(is_success=False)
                raise
            except Unavailable as trouble:
                self._breaker.leave(is_success=False)
                self._stopped.wait(max(trouble.wait_seconds, self._wait(attempt)))
                continue
            self._breaker.leave(is_success=True)
            self._settle(left, answers)
            answered = {(answer.action_key, answer.version) for answer in answers}
            left = [action for action in left if (action.action_key, action.version) not in answered]
            if not left:
                return
            self._stopped.wait(self._wait(attempt))

    def _wait(self, attempt: int) -> float:
        return min(LONGEST_WAIT_SECONDS, self._first_wait * 2 ** (attempt - 1)) * (0.5 + random.random())

    def _refuse(self, batch: list[Action], reason: str) -> None:
        """A refused batch is halved until the action at fault stands alone."""
        if len(batch) > 1:
            middle = len(batch) // 2
            self._deliver(batch[:middle])
            self._deliver(batch[middle:])
            return
        self._settle(batch, [Acknowledgement(batch[0].action_key, batch[0].version, "rejected", message=reason)])

    def _settle(self, batch: list[Action], answers: list[Acknowledgement]) -> None:
        by_name = {(action.action_key, action.version): action for action in batch}
        for answer in answers:
            action = by_name.pop((answer.action_key, answer.version), None)
            if action is None:  # named twice in one answer
                continue
            self._acknowledge(answer)
            with self._condition:
                setattr(self.result, answer.status, getattr(self.result, answer.status) + 1)
                if answer.status == "rejected":
                    self.result.dead_letters.append((action, answer.message))
                if self._later[action.action_key]:
                    self._ready.append(self._later[action.action_key].popleft())
                    self._condition.notify()
