"""Figures of a picture and the verdict on it, as the landing table `inspection_images` carries them."""

from typing import NamedTuple

import numpy


class Limits(NamedTuple):
    """What a usable picture of one station type keeps to. Luminance 0..255; clipped is a share of the pixels."""

    least_sharpness: float
    least_luminance: float
    most_luminance: float
    most_clipped: float


LIMITS_BY_STATION_TYPE = {
    "aoi": Limits(800, 30, 160, 0.08),
    "rolling": Limits(150, 40, 215, 0.05),
    "machining": Limits(150, 40, 225, 0.20),
    "manual": Limits(150, 30, 225, 0.10),
}


class Figures(NamedTuple):
    """Sharpness: variance of the 4-neighbour Laplacian. Luminance: 0..255. Clipped: share of pixels <= 2 or >= 253."""

    sharpness: float
    mean_luminance: float
    clipped_fraction: float


def measure(pixels: numpy.ndarray) -> Figures:
    """The figures of an 8-bit grey picture."""
    grey = pixels.astype(numpy.int32)
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    # whole-number sums, so that the last digit does not depend on the order of adding
    count, total, squares = laplacian.size, int(laplacian.sum()), int((laplacian.astype(numpy.int64) ** 2).sum())
    sharpness = squares / count - (total / count) ** 2
    clipped = int(((pixels <= 2) | (pixels >= 253)).sum())
    return Figures(round(sharpness, 4), round(int(grey.sum()) / grey.size, 4), round(clipped / grey.size, 6))


def verdict(figures: Figures, station_type: str) -> tuple[str, str]:
    """`ok` or `poor`, and the reasons of the latter, separated by semicolons."""
    limits = LIMITS_BY_STATION_TYPE[station_type]
    reasons = [
        reason
        for reason, holds in (
            ("blurred", figures.sharpness < limits.least_sharpness),
            ("dark", figures.mean_luminance < limits.least_luminance),
            ("bright", figures.mean_luminance > limits.most_luminance),
            ("clipped", figures.clipped_fraction > limits.most_clipped),
        )
        if holds
    ]
    return ("poor" if reasons else "ok"), ";".join(reasons)
