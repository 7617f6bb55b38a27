"""Takes the picture of one inspection: scene, defect, light, noise, and now and then a bad exposure."""

from dataclasses import dataclass
from functools import cache

import numpy

from faultline.simulator.inspections import ZONES, Inspection
from faultline.simulator.keyed_random import choose, stream
from faultline.simulator.pictures import boards, parts, strips
from faultline.simulator.pictures.shapes import HEIGHT, WIDTH, Flaw, Picture, smooth

FAMILIES = {"board": boards, "strip": strips, "part": parts}
NOISE = {"board": 1.7, "strip": 2.7, "part": 1.9}  # standard deviation, grey levels
GREY_STEP = 6  # the picture keeps 43 of 256 grey levels: small files, and no eye sees it
VISIBLE_DIFFERENCE = 10  # grey levels from which a pixel counts as part of the defect
SPOILT_SHARE = 0.014  # share of pictures with a bad exposure or out of focus


@dataclass(frozen=True)
class Shot:
    """A picture and what is truly on it.

    ``area_ratio`` is the share of the picture that the defect covers, ``zone`` where its centre lies, ``state`` how the
    exposure went.
    """

    pixels: Picture
    area_ratio: float
    zone: str | None
    state: str


def take(seed: int, look: Inspection) -> Shot:
    """The picture of one inspection, always the same one for the same inspection."""
    random = stream(seed, "picture", look.inspection_id)
    family = FAMILIES[look.line.family]
    scene = family.scene(seed, random, look.sku_id)
    picture, area_ratio, zone = family.draw(scene), 0.0, None
    if look.kind:
        good = picture
        place = ZONES.index(look.zone)
        x = (place % 3 + 0.5 + 0.6 * (random.random() - 0.5)) * WIDTH / 3
        y = (place // 3 + 0.5 + 0.6 * (random.random() - 0.5)) * HEIGHT / 3
        picture = family.spoil(scene, random, good, Flaw(look.kind, x, y, look.area_ratio * WIDTH * HEIGHT, look.count))
        area_ratio, zone = _difference(good, picture)
    state = choose(random, ("blurred", "dark", "over-exposed")) if random.random() < SPOILT_SHARE else "ok"
    return Shot(_expose(seed, random, picture, look.line.family, state), area_ratio, zone, state)


def _difference(good: Picture, spoilt: Picture) -> tuple[float, str]:
    """How much of the picture the defect covers, and in which zone its centre lies."""
    rows, columns = numpy.nonzero(numpy.abs(spoilt - good) >= VISIBLE_DIFFERENCE)
    zone = ZONES[int(rows.mean() * 3 // HEIGHT) * 3 + int(columns.mean() * 3 // WIDTH)]
    return round(len(rows) / good.size, 5), zone


@cache
def _grain(seed: int, number: int) -> Picture:
    """Sensor noise, mean 0 and spread 1, larger than a picture."""
    return stream(seed, "grain", number).standard_normal((HEIGHT + 32, WIDTH + 32)).astype(numpy.float32)


def _expose(seed: int, random: numpy.random.Generator, picture: Picture, family: str, state: str) -> Picture:
    if family == "board":  # boards never stop at quite the same place
        down, right = (int(step) for step in random.integers(-3, 4, 2))
        rows, columns = numpy.arange(HEIGHT) + down, numpy.arange(WIDTH) + right
        picture = picture[numpy.clip(rows, 0, HEIGHT - 1)][:, numpy.clip(columns, 0, WIDTH - 1)]
    picture = picture * (0.95 + 0.1 * random.random()) + 6 * (random.random() - 0.5)
    if state == "blurred":
        for axis in (0, 1, 0, 1):
            picture = smooth(picture, 4, axis)
    picture = smooth(picture, 1, 1) * 0.4 + picture * 0.6  # no lens is quite sharp
    gain, level = {"dark": (0.13, 0.0), "over-exposed": (1.35, 70.0)}.get(state, (1.0, 0.0))
    top, left = int(random.integers(32)), int(random.integers(32))
    noise = _grain(seed, int(random.integers(8)))[top : top + HEIGHT, left : left + WIDTH] * NOISE[family]
    exposed = picture * gain + level + noise * (0.4 if state == "blurred" else 1.0)
    return numpy.clip(numpy.round(exposed / GREY_STEP) * GREY_STEP, 0, 255).astype(numpy.uint8)
