"""Steel strip: a brushed surface under a lamp, rolled from left to right."""

from functools import cache

import numpy

from faultline.simulator.keyed_random import stream
from faultline.simulator.pictures.shapes import (
    COLUMNS,
    HEIGHT,
    ROWS,
    WIDTH,
    Flaw,
    Picture,
    blob,
    smooth,
    stroke,
    wander,
)

TEXTURES = 24
GREY = {"STRIP-08": 138.0, "STRIP-12": 116.0}


@cache
def texture(seed: int, number: int) -> Picture:
    """One of a pool of brushed surfaces, mean 0, larger than a picture; its smeared border is cut away."""
    random = stream(seed, "strip", number)
    rough = random.standard_normal((HEIGHT + 160, WIDTH + 208)).astype(numpy.float32)
    brushed = smooth(smooth(rough, 24, 1), 8, 1)
    fine = smooth(rough, 3, 1)
    clouds = smooth(smooth(rough, 28, 0), 28, 1)
    return (brushed * 42 + fine * 5 + clouds * 150)[32:-32, 40:-40]


def scene(seed: int, random: numpy.random.Generator, sku_id: str) -> Picture:
    """A random piece of a random surface, lit a little from one side."""
    surface = texture(seed, int(random.integers(TEXTURES)))
    top, left = int(random.integers(96)), int(random.integers(128))
    piece = surface[top : top + HEIGHT, left : left + WIDTH]
    light = 14 * numpy.cos((ROWS / HEIGHT - 0.2 - 0.6 * random.random()) * 2.4) + 8 * (random.random() - 0.5) * (
        COLUMNS / WIDTH - 0.5
    )
    return (GREY[sku_id] + light.astype(numpy.float32) + piece[:: 1 if random.random() < 0.5 else -1]).astype(
        numpy.float32
    )


def draw(surface: Picture) -> Picture:
    """A good strip."""
    return surface.copy()


def spoil(surface: Picture, random: numpy.random.Generator, good: Picture, flaw: Flaw) -> Picture:
    """A copy of ``good`` with the flaw; a deviating width shows at the nearer edge."""
    kind, x, y, area_pixels, count = flaw
    picture = good.copy()
    each = max(area_pixels / count, 40)
    spots = [(x, y)] + [(x + 50 * random.random() - 25, y + 50 * random.random() - 25) for _ in range(count - 1)]
    if kind == "scratch":
        angle = 0.5 * (random.random() - 0.5) + (1.2 if random.random() < 0.3 else 0)
        length = min(200.0, 40 + area_pixels / 4)
        path = wander(random, x, y, length, angle, 8, 0.08)
        width = min(4.0, max(2.0, area_pixels / length))
        stroke(picture, [(px, py + width * 0.8) for px, py in path], width * 0.7, 62, 0.7)
        stroke(picture, path, width, 214, 0.85)
    elif kind == "pit":
        for spot_x, spot_y in spots:
            blob(picture, random, spot_x + 1, spot_y + 1, each * 1.25, 190, roughness=0.25, softness=2, strength=0.7)
            blob(picture, random, spot_x, spot_y, each, 48, roughness=0.25, softness=1.5)
    elif kind == "roll_mark":
        reach = 24 * (count - 1)
        first = min(max(x, reach + 12), WIDTH - reach - 12) - reach
        for mark in range(count):  # the same dent again at every turn of the roll
            dent_x = first + 48 * mark
            blob(picture, random, dent_x, y, each, 74, 1.8, 0.7, roughness=0.05, softness=3, strength=0.75)
            blob(
                picture, random, dent_x - 3, y - 3, each * 0.3, 205, 1.8, 0.7, roughness=0.05, softness=3, strength=0.8
            )
    elif kind == "width_deviation":
        depth = max(8.0, area_pixels / 130)
        wave = depth * (0.6 + 0.4 * numpy.sin(COLUMNS[0] / (26 + 20 * random.random()) + 6 * random.random()))
        wave *= numpy.exp(-(((COLUMNS[0] - x) / 95) ** 2))
        from_edge = ROWS if y < HEIGHT / 2 else HEIGHT - 1 - ROWS
        cover = numpy.clip(wave[None, :] - from_edge + 0.5, 0, 1)
        picture += cover * (16 - picture)
    elif kind == "crack":
        length = min(120.0, 36 + area_pixels / 4)
        angle = 1.2 + 0.7 * (random.random() - 0.5)
        path = wander(random, x, y, length, angle, 14, 0.75)
        stroke(picture, path, min(6.0, max(2.4, area_pixels / length)), 22)
        branch = path[len(path) // 2]
        stroke(picture, wander(random, *branch, length * 0.35, angle - 0.9, 6, 0.6), 1.8, 30)
    elif kind == "inclusion":
        for spot_x, spot_y in spots:
            blob(
                picture,
                random,
                spot_x,
                spot_y,
                each,
                34,
                3.5 + 2 * random.random(),
                0.1 * (random.random() - 0.5),
                0.4,
                1.5,
            )
    else:  # lamination: a pale tongue along the rolling direction with a dark border
        blob(picture, random, x, y, max(area_pixels, 160) * 1.3, 56, 6, 0.0, 0.3, 1.5, 0.85)
        blob(picture, random, x - 2, y - 1.5, max(area_pixels, 160) * 0.8, 205, 7, 0.0, 0.3, 2, 0.75)
    return picture
