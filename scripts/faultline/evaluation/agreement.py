"""Figures of a judge against human labels, each with an interval."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

Z = 1.959963984540054  # 95 %, as the macro wilson_bound has it


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
    """Kappa with its 95 % interval; None where it is not defined. Perfect agreement has a value and no interval."""

    value: float | None
    low: float | None
    high: float | None


def kappa(pairs: Sequence[tuple[str, str | None]], scale: Sequence[str] = ()) -> Kappa:
    """Cohen's kappa of (human, machine) pairs; with a scale (labels in their order) linearly weighted.

    (observed - expected) / (1 - expected) agreement, None where both only ever say one and the same label. A machine's
    None, or what the scale does not have, agrees with nothing. Weights on a scale of n labels: 1 - distance / (n - 1).

    The interval is value +- 1.96 standard errors of Fleiss, Cohen and Everitt (1969), cut at -1 and 1. An error of zero
    (all agree, or one side knows one label only) says that the formula cannot tell, so there is no interval.
    """
    n = len(pairs)
    if n == 0:
        return Kappa(None, None, None)
    rank = {label: number for number, label in enumerate(scale)}

    def weight(human, machine) -> float:
        if human == machine:
            return 1.0
        if human not in rank or machine not in rank:
            return 0.0
        return 1 - abs(rank[human] - rank[machine]) / max(1, len(scale) - 1)

    # fsum: the same to the last digit in whatever order the cases come.
    cells, human, machine = (
        {key: count / n for key, count in Counter(keys).items()}
        for keys in (pairs, (said for said, _ in pairs), (answered for _, answered in pairs))
    )
    # What a label of one side agrees on average with the other side's labels, if they were drawn by chance.
    of_human = {a: math.fsum(weight(a, b) * portion for b, portion in machine.items()) for a in human}
    of_machine = {b: math.fsum(weight(a, b) * portion for a, portion in human.items()) for b in machine}
    observed = math.fsum(weight(a, b) * portion for (a, b), portion in cells.items())
    expected = math.fsum(of_human[a] * portion for a, portion in human.items())
    if expected > 1 - 1e-12:
        return Kappa(None, None, None)
    value = (observed - expected) / (1 - expected)
    spread = math.fsum(
        portion * (weight(a, b) - (of_human[a] + of_machine[b]) * (1 - value)) ** 2 for (a, b), portion in cells.items()
    )
    variance = (spread - (value - expected * (1 - value)) ** 2) / (n * (1 - expected) ** 2)
    if variance < 1e-15:
        return Kappa(value, None, None)
    half = Z * math.sqrt(variance)
    return Kappa(value, max(-1.0, value - half), min(1.0, value + half))


def adjusted_kappa(agreement: float | None, label_count: int) -> float | None:
    """PABAK: what kappa would be if all labels were equally frequent. Kappa alone is low where one label prevails."""
    return None if agreement is None or label_count < 2 else (label_count * agreement - 1) / (label_count - 1)


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
