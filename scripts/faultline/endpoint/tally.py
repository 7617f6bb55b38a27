"""What became of the rows of a step, as figures and as the line of progress."""

import time
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What became of the rows of one step."""

    submitted: int = 0
    answered: int = 0
    failed: int = 0
    requests: int = 0
    throttled: int = 0
    cost: float = 0.0
    most_in_flight: int = 0
    stopped: str | None = None
    detail: str | None = None
    started_at: float = field(default_factory=time.monotonic)


def progress_line(tally: Tally, expected: int, in_flight: int) -> str:
    """Done, failed, rate, time to go, money."""
    seconds = max(1e-6, time.monotonic() - tally.started_at)
    done = tally.answered + tally.failed
    rate = done / seconds
    to_go = f"{(expected - done) / rate:.0f} s to go" if rate > 0 and expected > done else "finishing"
    return (
        f"{done}/{expected} done, {tally.failed} failed, {in_flight} in flight, {rate:.1f} rows/s, {to_go}, "
        f"{tally.cost:.4f} spent" + (f", {tally.throttled} throttled" if tally.throttled else "")
    )
