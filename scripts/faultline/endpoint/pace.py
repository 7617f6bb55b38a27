"""How fast to ask. No clock and no waiting of its own: the engine asks `wait()` and tells what became of a request.

Four brakes, each of which is off until there is a reason for it:
- the window: how many requests may be in flight. Starts at the var ai_concurrency. A 429 while others are in flight
  means that so many are too many: the window shrinks to those that were let in. It opens again one at a time, after a
  hold that doubles each time the same wall is hit.
- the rate: set when requests are refused though nothing else is in flight, which no window can cure. It becomes what
  the server let through lately, and rises slowly after that.
- quotas per minute of the vars: no more than that in any 60 seconds, also counted over the end of the run before.
- quotas that the server states in its answers (x-ratelimit-*): its own count, refilled at its own rate.
A refused request waits for its own Retry-After in any case. When what is sent after a refusal is refused as well, or
nothing else is in flight, nothing at all is sent before it is over: a quota belongs to the account.
"""

import random
import re
from collections import deque
from collections.abc import Callable, Iterable

MINUTE = 60.0
FIRST_HOLD, LONGEST_HOLD = 1.0, 60.0
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 30.0
MEASURED_SECONDS, REMEMBERED_SECONDS = 1.0, 10.0  # a rate over less says nothing, over more nothing about now
REFUSED_SHARE, FEWEST_REFUSED = 0.3, 4  # from here on refusals mean too high a rate, below it a server that is moody


def full_jitter(attempt: int, draw: Callable[[], float] = random.random) -> float:
    """Seconds to wait before attempt + 1: anything up to a limit that doubles, but never nothing."""
    limit = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2**attempt)
    return max(0.05, limit * draw())


class _Quota:
    """At most `limit` units in any minute: the safe reading of a quota, whatever window the server counts in."""

    def __init__(self, limit: float):
        self.limit, self.used = limit, 0.0
        self._spent: deque[list] = deque()

    def wait(self, now: float, units: float) -> float:
        while self._spent and self._spent[0][0] <= now - MINUTE:
            self.used -= self._spent.popleft()[1]
        units = min(units, self.limit)  # a single request above the limit goes alone
        if self.used + units <= self.limit:
            return 0.0
        missing, at = self.used + units - self.limit, now
        for spent_at, spent in self._spent:
            missing -= spent
            at = spent_at
            if missing <= 1e-9:
                break
        return max(0.001, at + MINUTE - now)

    def take(self, now: float, units: float) -> list:
        entry = [now, units]
        self._spent.append(entry)
        self.used += units
        return entry

    def correct(self, entry: list, units: float):
        self.used += units - entry[1]
        entry[1] = units


class _StatedQuota:
    """What the server says is left, refilled at the rate it states."""

    def __init__(self):
        self.limit, self.left, self.at = 0.0, 0.0, 0.0

    def wait(self, now: float, units: float) -> float:
        if not self.limit:
            return 0.0
        self._refill(now)
        missing = min(units, self.limit) - self.left
        return max(0.0, missing * MINUTE / self.limit)

    def take(self, now: float, units: float):
        if self.limit:
            self._refill(now)
            self.left -= units

    def told(self, now: float, limit: float, left: float, in_flight_units: float):
        if limit <= 0:
            return
        heard = left - in_flight_units
        if self.limit:
            self._refill(now)
            heard = min(heard, self.left)  # answers may arrive out of order: an older, higher count is no news
        self.limit, self.left, self.at = limit, heard, now

    def _refill(self, now: float):
        self.left = min(self.limit, self.left + (now - self.at) * self.limit / MINUTE)
        self.at = now


class Ticket:
    """One request in flight."""

    __slots__ = ("sent_at", "token_entry", "tokens")

    def __init__(self, sent_at: float, tokens: int, token_entry: list | None):
        self.sent_at, self.tokens, self.token_entry = sent_at, tokens, token_entry


class Pace:
    """The brakes together. Times are seconds of one monotonic clock, given by the caller."""

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        recent: Iterable[tuple[float, int]] = (),
        now: float = 0.0,
    ):
        self.concurrency, self.window, self.in_flight = concurrency, float(concurrency), 0
        self.rate: float | None = None
        self.refusals = 0
        self._requests = _Quota(requests_per_minute) if requests_per_minute else None
        self._tokens = _Quota(tokens_per_minute) if tokens_per_minute else None
        for age, tokens in recent:
            if self._requests:
                self._requests.take(now - age, 1)
            if self._tokens:
                self._tokens.take(now - age, tokens)
        self._stated = {"requests": _StatedQuota(), "tokens": _StatedQuota()}
        self._tokens_in_flight = 0
        self._paused_until = now
        self._hold_until, self._hold = now, FIRST_HOLD
        self._wall = float(concurrency)
        self._proven = 1.0
        self._last_growth = now
        self._next_by_rate = now
        self._measure(now)
        self._latency = 0.0
        self._refusals_in_a_row = 0
        self._last_news = now

    def wait(self, now: float, tokens: int = 0) -> float | None:
        """Seconds until a request may be sent; 0 for now, None for as soon as another one has ended."""
        if self.in_flight >= max(1, int(self.window)):
            return None
        waits = [self._paused_until - now]
        if self.rate is not None:
            waits.append(self._next_by_rate - now)
        if self._requests:
            waits.append(self._requests.wait(now, 1))
        if self._tokens:
            waits.append(self._tokens.wait(now, tokens))
        waits.append(self._stated["requests"].wait(now, 1))
        waits.append(self._stated["tokens"].wait(now, tokens))
        return max(0.0, *waits)

    def sent(self, now: float, tokens: int = 0) -> Ticket:
        """A request leaves; wait() said 0."""
        self.in_flight += 1
        self._tokens_in_flight += tokens
        if self.rate is not None:
            self._next_by_rate = max(now, self._next_by_rate) + 1 / self.rate
        if self._requests:
            self._requests.take(now, 1)
        self._stated["requests"].take(now, 1)
        self._stated["tokens"].take(now, tokens)
        return Ticket(now, tokens, self._tokens.take(now, tokens) if self._tokens else None)

    def answered(self, now: float, ticket: Ticket, tokens: int | None = None, limits: dict[str, str] | None = None):
        """A request was let in and worked on, whatever it brought."""
        self._proven = max(self._proven, float(self.in_flight))
        self._ended(ticket)
        if ticket.token_entry is not None and tokens is not None:
            self._tokens.correct(ticket.token_entry, tokens)
        for kind, in_flight in (("requests", self.in_flight), ("tokens", self._tokens_in_flight)):
            limit, left = stated_quota(limits or {}, kind)
            if limit is not None and left is not None:
                self._stated[kind].told(now, limit, left, in_flight)
        if now - self._measured_from > REMEMBERED_SECONDS:
            self._measure(now)
        self._let_in += 1
        if ticket.sent_at > self._last_news:
            self._refusals_in_a_row = 0
        latency = now - ticket.sent_at
        self._latency = latency if not self._latency else 0.8 * self._latency + 0.2 * latency
        self._grow(now)

    def broken(self, ticket: Ticket):
        """A request failed in a way that says nothing about the pace."""
        self._ended(ticket)

    def refused(self, now: float, ticket: Ticket, retry_after: float | None = None):
        """The server asked to slow down."""
        self._ended(ticket)
        self.refusals += 1
        self._refused += 1
        if ticket.sent_at >= self._last_news:  # of a burst that is refused only the first says something new
            self._last_news = now
            self._refusals_in_a_row += 1
            same_wall = self.in_flight >= self._wall
            self._hold = min(LONGEST_HOLD, self._hold * 2) if same_wall else FIRST_HOLD
            self._hold_until = now + self._hold
        self.window = max(1.0, min(self.window, float(self.in_flight)))
        self._wall = self.window
        self._proven = max(self.window, 0.9 * self._proven)
        elapsed = now - self._measured_from
        is_too_fast = self._refused >= FEWEST_REFUSED and self._refused >= REFUSED_SHARE * (
            self._refused + self._let_in
        )
        if self.in_flight == 0 and self._let_in and elapsed >= MEASURED_SECONDS and is_too_fast:
            self._set_rate(now, 0.9 * self._let_in / elapsed)
            self._measure(now)
        if self.in_flight == 0 or self._refusals_in_a_row > 1:
            pause = full_jitter(self._refusals_in_a_row) if retry_after is None else retry_after + 0.01
            self._paused_until = max(self._paused_until, now + pause)

    def slow_to_one(self, now: float, pause: float):
        """The server seems to be down: one request at a time, after a pause."""
        self.window = 1.0
        self._paused_until = max(self._paused_until, now + pause)

    def recovered(self):
        """It is back: the window of before."""
        self.window = max(self.window, self._wall)

    def _ended(self, ticket: Ticket):
        self.in_flight -= 1
        self._tokens_in_flight -= ticket.tokens

    def _measure(self, now: float):
        self._measured_from, self._let_in, self._refused = now, 0, 0

    def _set_rate(self, now: float, rate: float):
        self.rate = max(rate, 1 / MINUTE)
        self._next_by_rate = now

    def _grow(self, now: float):
        needed = self.concurrency if self.rate is None else min(self.concurrency, self.rate * self._latency + 1)
        if self.rate is not None and self.window < needed:
            self.window += 1  # a window below what the rate fills would be a second brake for one cause
        if now < self._hold_until:
            self._last_growth = now
            return
        seconds, self._last_growth = now - self._last_growth, now
        if self.window < self.concurrency:
            # Quickly to what was let in before, slowly beyond.
            speed = max(1.0, self.window) if self.window < self._proven - 1 else 1.0
            self.window = min(self.concurrency, self.window + seconds * speed)
        if self.rate is not None:
            self.rate *= 1.15**seconds


def stated_quota(limits: dict[str, str], kind: str) -> tuple[float | None, float | None]:
    """Limit and remainder of an answer's x-ratelimit headers; a limit of another span than a minute is not taken."""
    limit, left = limits.get(f"x-ratelimit-limit-{kind}"), limits.get(f"x-ratelimit-remaining-{kind}")
    if limit is None or left is None or not re.fullmatch(r"\d{1,12}", limit) or not re.fullmatch(r"-?\d{1,12}", left):
        return None, None
    return float(limit), float(left)
