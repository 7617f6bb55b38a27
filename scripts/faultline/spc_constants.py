"""Numbers behind control charts, computed and not typed: the seed `spc_constants`, the rates of `spc_rules`.

Everything follows from the standard normal distribution: d2 and d3 are the mean and the standard deviation of the range
of n values, c4 is the mean of their sample standard deviation (Montgomery, Statistical Quality Control, appendix VI).
"""

import argparse
import csv
import math
from pathlib import Path

import numpy as np

COLUMNS = (
    "sample_size", "d2", "d3", "c4", "a2", "a3", "b3", "b4", "d3_factor", "d4_factor", "e2",
    "range_alarm_rate", "deviation_alarm_rate",
)  # fmt: skip
LARGEST_SAMPLE = 25
REACH, STEP = 9.0, 1 / 128  # beyond 9 sigma nothing is left at double precision

_error_function = np.vectorize(math.erf)


def normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def range_moments(n: int) -> tuple[float, float]:
    """Mean and standard deviation of the range of n standard normal values, by the trapezoid rule.

    E[R] = integral of 1 - F^n - (1-F)^n; E[R^2] = 2 * integral over x < y of 1 - F(y)^n - (1-F(x))^n + (F(y)-F(x))^n.
    The integrands and their derivatives vanish at both ends, so the rule converges to the last digits.
    """
    x = np.arange(-REACH, REACH + STEP / 2, STEP)
    below = 0.5 * (1 + _error_function(x / math.sqrt(2)))
    above = below[::-1]
    mean = float(np.sum(1 - below**n - above**n) * STEP)
    low, high = below[:, None], below[None, :]
    inner = 1 - high**n - above[:, None] ** n + np.abs(high - low) ** n
    weights = np.triu(np.ones_like(inner), 1) + 0.5 * np.eye(len(x))
    second_moment = 2 * float(np.sum(inner * weights) * STEP**2)
    # The kink along x = y costs the rule h^2 / 12 of the derivative jump there: Richardson's step removes it.
    coarse = inner[::2, ::2]
    coarse_weights = np.triu(np.ones_like(coarse), 1) + 0.5 * np.eye(len(coarse))
    coarse_moment = 2 * float(np.sum(coarse * coarse_weights) * (2 * STEP) ** 2)
    second_moment += (second_moment - coarse_moment) / 3
    return mean, math.sqrt(second_moment - mean**2)


def range_alarm_rate(n: int, low: float, high: float) -> float:
    """How often the range R of n standard normal values leaves low..high.

    P(R <= w) = n * integral of f(x) * (F(x + w) - F(x))^(n - 1).
    """
    x = np.arange(-REACH, REACH + STEP / 2, STEP)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    below = 0.5 * (1 + _error_function(x / math.sqrt(2)))

    def share_up_to(width: float) -> float:
        inside = 0.5 * (1 + _error_function((x + width) / math.sqrt(2))) - below
        return n * float(np.sum(density * inside ** (n - 1)) * STEP)

    return 1 - share_up_to(high) + (share_up_to(low) if low > 0 else 0.0)


def deviation_alarm_rate(n: int, low: float, high: float) -> float:
    """How often the sample standard deviation of n standard normal values leaves low..high: (n-1) s^2 is chi-squared.

    The density of s is integrated over low..high by Simpson's rule.
    """
    freedom = n - 1
    s = np.linspace(low, high, 4001)
    scale = 2 * (freedom / 2) ** (freedom / 2) / math.gamma(freedom / 2)
    density = scale * s ** (freedom - 1) * np.exp(-freedom * s * s / 2)
    weights = np.full(len(s), 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return 1 - float(np.sum(weights * density) * (s[1] - s[0]) / 3)


def constants(n: int) -> dict[str, float]:
    """The factors of subgroup charts for subgroups of n values, and the false-alarm rates of spread charts at k = 3."""
    d2, d3 = range_moments(n)
    c4 = math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))
    s_spread = 3 * math.sqrt(1 - c4**2) / c4
    r_spread = 3 * d3 / d2
    values = (
        d2, d3, c4, 3 / (d2 * math.sqrt(n)), 3 / (c4 * math.sqrt(n)), max(0.0, 1 - s_spread), 1 + s_spread,
        max(0.0, 1 - r_spread), 1 + r_spread, 3 / d2,
        range_alarm_rate(n, max(0.0, d2 - 3 * d3), d2 + 3 * d3),
        deviation_alarm_rate(n, max(0.0, c4 * (1 - s_spread)), c4 * (1 + s_spread)),
    )  # fmt: skip
    return dict(zip(COLUMNS, (n, *values), strict=True))


def alternating_permutations(n: int) -> int:
    """Euler's zigzag number: how many orders of n different values go up, down, up ... (one of the two beginnings)."""
    row = [1]
    for _ in range(n):
        sums = [0]
        for value in reversed(row):
            sums.append(sums[-1] + value)
        row = sums
    return row[-1]


def false_alarm_rate(pattern: str, hit_points: int, window_points: int, sigma: float) -> float:
    """The share of points of a stable normal process that complete the pattern, each completing point counted."""
    if pattern == "beyond":
        beyond = normal_cdf(-sigma)
        others = window_points - 1
        enough = sum(
            math.comb(others, k) * beyond**k * (1 - beyond) ** (others - k) for k in range(hit_points - 1, others + 1)
        )
        return 2 * beyond * enough
    if pattern == "same_side":
        return 2 * 0.5**hit_points
    if pattern == "trend":
        return 2 / math.factorial(hit_points)
    if pattern == "alternating":
        return 2 * alternating_permutations(hit_points) / math.factorial(hit_points)
    if pattern == "within":
        return math.erf(sigma / math.sqrt(2)) ** hit_points
    if pattern == "outside":
        return math.erfc(sigma / math.sqrt(2)) ** hit_points
    raise ValueError(f"unknown pattern {pattern}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("seeds/spc_constants.csv"), help="the seed to write")


def run(arguments: argparse.Namespace) -> int:
    with arguments.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for n in range(2, LARGEST_SAMPLE + 1):
            row = constants(n)
            writer.writerow({name: row[name] if name == "sample_size" else f"{row[name]:.12f}" for name in COLUMNS})
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the seed of control chart constants.")
    add_arguments(parser)
    raise SystemExit(run(parser.parse_args()))
