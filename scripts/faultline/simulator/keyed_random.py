"""Random streams that depend on names, not on the order of calls.

Every line, day, sensor and picture draws from a stream of its own. A longer period or another table therefore
never changes what a given day looked like: a plant of 28 days is the beginning of one of 29.
"""

import hashlib

import numpy


def stream(seed: int, *names: object) -> numpy.random.Generator:
    """The random stream of one thing, for example ``stream(7, "inspections", "SMT-1", 12)``."""
    digest = hashlib.sha256("\x1f".join(str(name) for name in names).encode()).digest()
    words = [int.from_bytes(digest[start : start + 4], "little") for start in range(0, 16, 4)]
    return numpy.random.Generator(numpy.random.PCG64([seed, *words]))


def pick(generator: numpy.random.Generator, weights: dict) -> object:
    """One key of ``weights``, drawn in proportion to its value (the values need not add up to 1)."""
    point = generator.random() * sum(weights.values())
    for key, weight in weights.items():
        point -= weight
        if point < 0:
            return key
    return key


def choose(generator: numpy.random.Generator, options: list | tuple) -> object:
    """One element of ``options``, all equally likely."""
    return options[int(generator.integers(len(options)))]
