"""Soft-edged shapes on grey pictures. Lengths are pixels, angles radians, grey levels 0..255 (float32)."""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy

HEIGHT, WIDTH = 192, 256
ROWS, COLUMNS = numpy.mgrid[0:HEIGHT, 0:WIDTH].astype(numpy.float32)
Picture = numpy.ndarray


class Flaw(NamedTuple):
    """A defect to be drawn near (x, y): ``count`` spots of about ``area_pixels`` in all."""

    kind: str
    x: float
    y: float
    area_pixels: float
    count: int


def window(picture: Picture, x: float, y: float, reach: float) -> tuple[slice, slice]:
    """The part of a picture within ``reach`` of a point, clipped at its border."""
    height, width = picture.shape
    top, bottom = max(0, int(y - reach)), min(height, int(y + reach) + 2)
    left, right = max(0, int(x - reach)), min(width, int(x + reach) + 2)
    return slice(top, max(top, bottom)), slice(left, max(left, right))


def offsets(area: tuple[slice, slice], x: float, y: float) -> tuple[Picture, Picture]:
    """Per pixel of a window its distance from a point, along x and along y."""
    rows, columns = area
    along_y = numpy.arange(rows.start, rows.stop, dtype=numpy.float32)[:, None] - numpy.float32(y)
    along_x = numpy.arange(columns.start, columns.stop, dtype=numpy.float32)[None, :] - numpy.float32(x)
    return along_x, along_y


def blend(picture: Picture, area: tuple[slice, slice], cover: Picture, grey: float | Picture) -> None:
    """Lay ``grey`` over a window, as far as ``cover`` (0..1) hides what is below."""
    picture[area] += cover * (grey - picture[area])


def rectangle(picture: Picture, x: float, y: float, width: float, height: float, grey: float) -> None:
    """A filled rectangle around a centre, on whole pixels."""
    left, top = round(x - width / 2), round(y - height / 2)
    picture[max(0, top) : max(0, top + round(height)), max(0, left) : max(0, left + round(width))] = grey


def disc(picture: Picture, x: float, y: float, radius: float, grey: float) -> None:
    area = window(picture, x, y, radius + 1)
    along_x, along_y = offsets(area, x, y)
    blend(picture, area, numpy.clip(radius + 0.5 - numpy.hypot(along_x, along_y), 0, 1), grey)


def blob(
    picture: Picture,
    random: numpy.random.Generator,
    x: float,
    y: float,
    area_pixels: float,
    grey: float,
    slenderness: float = 1.0,
    angle: float = 0.0,
    roughness: float = 0.18,
    softness: float = 1.0,
    strength: float = 1.0,
) -> None:
    """An irregular spot of about ``area_pixels``, ``slenderness`` times as long as wide along ``angle``."""
    radius = math.sqrt(area_pixels / math.pi)
    long, short = radius * math.sqrt(slenderness), radius / math.sqrt(slenderness)
    area = window(picture, x, y, long * 1.6 + 2)
    along_x, along_y = offsets(area, x, y)
    u = (along_x * math.cos(angle) + along_y * math.sin(angle)) / long
    v = (along_y * math.cos(angle) - along_x * math.sin(angle)) / short
    direction = numpy.arctan2(v, u)
    border = numpy.ones_like(direction)
    for wave in (2, 3, 5):
        border += roughness / wave * 2 * (random.random() - 0.3) * numpy.cos(wave * direction + 6.3 * random.random())
    depth = (border - numpy.hypot(u, v)) * short
    blend(picture, area, numpy.clip(depth / softness + 0.5, 0, 1) * strength, grey)


def stroke(
    picture: Picture, points: list[tuple[float, float]], width: float, grey: float, strength: float = 1.0
) -> None:
    """A line through ``points`` (x, y), ``width`` pixels wide."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    middle_x, middle_y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    area = window(picture, middle_x, middle_y, max(max(xs) - min(xs), max(ys) - min(ys)) / 2 + width + 2)
    distance = numpy.float32(numpy.inf)
    for (x1, y1), (x2, y2) in pairwise(points):
        along_x, along_y = offsets(area, x1, y1)
        share = numpy.clip(
            (along_x * (x2 - x1) + along_y * (y2 - y1)) / max(1.0, (x2 - x1) ** 2 + (y2 - y1) ** 2), 0, 1
        )
        distance = numpy.minimum(distance, numpy.hypot(along_x - share * (x2 - x1), along_y - share * (y2 - y1)))
    blend(picture, area, numpy.clip(width / 2 + 0.5 - distance, 0, 1) * strength, grey)


def wander(
    random: numpy.random.Generator, x: float, y: float, length: float, angle: float, steps: int, jitter: float
) -> list[tuple[float, float]]:
    """A crooked path of ``length`` around a centre; each step turns by up to ``jitter`` radians from ``angle``."""
    step = length / steps
    path = [(x - math.cos(angle) * length / 2, y - math.sin(angle) * length / 2)]
    for _ in range(steps):
        turned = angle + jitter * (2 * random.random() - 1)
        path.append((path[-1][0] + step * math.cos(turned), path[-1][1] + step * math.sin(turned)))
    return path


def smooth(picture: Picture, reach: int, axis: int) -> Picture:
    """The running mean over ``2 * reach + 1`` pixels along one axis; the border repeats."""
    pads = [(0, 0), (0, 0)]
    pads[axis] = (reach + 1, reach)
    sums = numpy.cumsum(numpy.pad(picture, pads, mode="edge"), axis=axis, dtype=numpy.float64)
    size, span = picture.shape[axis], 2 * reach + 1
    upper, lower = numpy.take(sums, range(span, span + size), axis), numpy.take(sums, range(size), axis)
    return ((upper - lower) / span).astype(numpy.float32)
