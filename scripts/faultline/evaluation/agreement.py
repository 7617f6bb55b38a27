"""Figures of a judge against human labels, each with an interval."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

Z = 1.959964  # 95 %
BOOTSTRAPS = 1000


class Share(NamedTuple):
    """A share with its Wilson 95 % interval; value None where nothing was counted."""

    hits: int
    of: int
    value: float | None
    low: float | None
    high: float | None


def share(hits: int, of: int) -> Share:
    """Wilson's interval: right at 0, at 1 and for few cases."""
    if of == 0:
        return Share(0, 0, None, None, None)
    p = hits / of
    centre = (p + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z * math.sqrt(p * (1 - p) / of + Z * Z / (4 * of * of)) / (1 + Z * Z / of)
    return Share(hits, of, p, max(0.0, centre - half), min(1.0, centre + half))


class Kappa(NamedTuple):
    """Cohen's kappa with a 95 % bootstrap interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


def kappa_value(pairs: Sequence[tuple[str, str]]) -> float | None:
    """(observed - expected) / (1 - expected) agreement; None where both only ever say one and the same label."""
    n = len(pairs)
    if n == 0:
        return None
    left, right = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    observed = sum(a == b for a, b in pairs) / n
    expected = sum(left[label] * right[label] for label in left) / (n * n)
    return None if expected >= 1 else (observed - expected) / (1 - expected)


def kappa(pairs: Sequence[tuple[str, str]], seed: int = 1) -> Kappa:
    """Kappa and its percentile interval over resampled cases; the same pairs give the same interval."""
    value = kappa_value(pairs)
    if value is None or len(pairs) < 2:
        return Kappa(value, None, None)
    cells = Counter(pairs)
    kinds, counts = list(cells), list(cells.values())
    draw = random.Random(seed)
    values = []
    for _ in range(BOOTSTRAPS):
        resampled = Counter(draw.choices(range(len(kinds)), counts, k=len(pairs)))
        one = _kappa_of_cells({kinds[index]: count for index, count in resampled.items()}, len(pairs))
        if one is not None:
            values.append(one)
    values.sort()
    if not values:
        return Kappa(value, None, None)
    return Kappa(value, values[int(0.025 * (len(values) - 1))], values[math.ceil(0.975 * (len(values) - 1))])


def _kappa_of_cells(cells: dict[tuple[str, str], int], n: int) -> float | None:
    left, right = Counter(), Counter()
    for (a, b), count in cells.items():
        left[a] += count
        right[b] += count
    observed = sum(count for (a, b), count in cells.items() if a == b) / n
    expected = sum(left[label] * right[label] for label in left) / (n * n)
    return None if expected >= 1 else (observed - expected) / (1 - expected)


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> tuple[int, int, float]:
    """Cases only the first, only the second got right, and the exact two-sided chance of such a split by luck."""
    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    n, k = only_first + only_second, min(only_first, only_second)
    p = min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n) if n else 1.0
    return only_first, only_second, p


def percentile(values: Sequence[float], at: float) -> float | None:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(at * len(ordered)) - 1)] if ordered else None


class Judged(NamedTuple):
    """One labelled case and what a judge said: None where it gave no answer, or none of the labels."""

    label: str
    answer: str | None
    latency_ms: float | None
    cost: float | None


def figures(cases: Sequence[Judged], labels: Sequence[str], good: str, unsure: str) -> dict:
    """Everything about one judge. No answer counts against it everywhere: somebody has to look again."""
    answered = [case for case in cases if case.answer is not None]
    defective = [case for case in cases if case.label not in (good, unsure)]
    flawless = [case for case in cases if case.label == good]
    return {
        "cases": len(cases),
        "answered": len(answered),
        "invalid_or_failed": len(cases) - len(answered),
        "kappa": kappa([(case.label, case.answer or "(no answer)") for case in cases]),
        "agreement": share(sum(case.label == case.answer for case in cases), len(cases)),
        "recall": {
            label: share(
                sum(case.answer == label for case in cases if case.label == label),
                sum(case.label == label for case in cases),
            )
            for label in labels
        },
        # A defect called good leaves the plant; a good part called defective costs a second look.
        "escape_rate": share(sum(case.answer == good for case in defective), len(defective)),
        "false_alarm_rate": share(sum(case.answer not in (good, unsure, None) for case in flawless), len(flawless)),
        "cost": sum(case.cost or 0.0 for case in cases),
        "latency_ms_median": percentile([case.latency_ms for case in cases if case.latency_ms is not None], 0.5),
        "latency_ms_p95": percentile([case.latency_ms for case in cases if case.latency_ms is not None], 0.95),
    }
