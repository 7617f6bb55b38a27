"""Circuit boards: a fixed layout per product and field of view, so that pictures of one view differ only by defects."""

from dataclasses import dataclass, field
from functools import cache

import numpy

from faultline.simulator.keyed_random import choose, stream
from faultline.simulator.pictures.shapes import HEIGHT, WIDTH, Flaw, Picture, blob, disc, rectangle, stroke, wander

SUBSTRATE, TRACE, PAD, BODY, CHIP, PRINT = 58.0, 96.0, 188.0, 30.0, 122.0, 150.0
CELL = 64  # pixels; the view is four by three cells
FIELDS_OF_VIEW = 4


@dataclass
class Layout:
    """One field of view: the picture of a good board, and where things are on it (pixels)."""

    picture: Picture
    chips: list[tuple[float, float]] = field(default_factory=list)  # centres, 20 x 9 each
    tracks: list[tuple[float, float, bool]] = field(
        default_factory=list
    )  # a point on a track; True where it runs along x
    gaps: list[tuple[float, float, bool]] = field(
        default_factory=list
    )  # between two neighbours; True where they run along x


@cache
def layout(seed: int, sku_id: str, view: int) -> Layout:
    random = stream(seed, "board", sku_id, view)
    plan = Layout(numpy.full((HEIGHT, WIDTH), SUBSTRATE, numpy.float32))
    for _ in range(7):
        y = random.integers(HEIGHT)
        stroke(plan.picture, [(0, y), (WIDTH * 0.4, y), (WIDTH * 0.4 + 24, y + 24), (WIDTH, y + 24)], 3, TRACE)
    cells = ["ic", "chips", "bus"] * 4
    for position in range(12):
        kind = cells.pop(int(random.integers(len(cells))))
        x, y = position % 4 * CELL + CELL / 2, position // 4 * CELL + CELL / 2
        {"ic": _integrated_circuit, "chips": _chips, "bus": _bus}[kind](plan, random, x, y)
    return plan


def _integrated_circuit(plan: Layout, random: numpy.random.Generator, x: float, y: float) -> None:
    rectangle(plan.picture, x, y, 46, 50, SUBSTRATE)
    for pin in range(6):
        for side in (-1, 1):
            rectangle(plan.picture, x + side * 19, y + (pin - 2.5) * 8, 9, 4, PAD)
            if pin:
                plan.gaps.append((x + side * 19, y + (pin - 3) * 8, True))
    rectangle(plan.picture, x, y, 28, 48, BODY)
    disc(plan.picture, x - 9, y - 18, 2.2, CHIP)
    for line in range(3):
        rectangle(plan.picture, x, y - 4 + 6 * line, 10 + 6 * random.random(), 2, 78)


def _chips(plan: Layout, random: numpy.random.Generator, x: float, y: float) -> None:
    for row in (-1, 0, 1):
        for column in (-1, 1):
            centre = (x + 14.5 * column, y + 19 * row)
            plan.chips.append(centre)
            _chip(plan.picture, *centre)
    rectangle(plan.picture, x, y + 30, 26, 1, PRINT)


def _chip(picture: Picture, x: float, y: float, shift: tuple[float, float] = (0, 0), is_placed: bool = True) -> None:
    rectangle(picture, x, y, 24, 12, SUBSTRATE)
    for side in (-1, 1):
        rectangle(picture, x + 8 * side, y, 7, 10, PAD)
    if is_placed:
        rectangle(picture, x + shift[0], y + shift[1], 17, 8, CHIP)
        for side in (-1, 1):
            rectangle(picture, x + shift[0] + 7.5 * side, y + shift[1], 3, 8, 214)


def _bus(plan: Layout, random: numpy.random.Generator, x: float, y: float) -> None:
    is_along_x = random.random() < 0.5
    rectangle(plan.picture, x, y, 62, 62, SUBSTRATE)
    for track in range(6):
        across = (track - 2.5) * 10
        ends = (
            [(x - 30, y + across), (x + 30, y + across)] if is_along_x else [(x + across, y - 30), (x + across, y + 30)]
        )
        stroke(plan.picture, ends, 4, TRACE + 22)
        for end in ends[: 1 + track % 2]:
            disc(plan.picture, *end, 4.2, PAD)
            disc(plan.picture, *end, 1.8, 20)
        for along in (-16, 0, 16):
            spot = (x + along, y + across) if is_along_x else (x + across, y + along)
            between = (x + along, y + across + 5) if is_along_x else (x + across + 5, y + along)
            plan.tracks.append((*spot, is_along_x))
            if track < 5:
                plan.gaps.append((*between, is_along_x))


def scene(seed: int, random: numpy.random.Generator, sku_id: str) -> Layout:
    """One of the fields of view of a product."""
    return layout(seed, sku_id, int(random.integers(FIELDS_OF_VIEW)))


def draw(plan: Layout) -> Picture:
    """A good board."""
    return plan.picture.copy()


def spoil(plan: Layout, random: numpy.random.Generator, good: Picture, flaw: Flaw) -> Picture:
    """A copy of ``good`` with the flaw at the nearest place where the board has what can be spoilt that way."""
    kind, x, y, area_pixels, count = flaw
    picture = good.copy()
    each = area_pixels / count
    if kind in ("shifted_component", "missing_component"):
        chip = _nearest(plan.chips, x, y)
        shift = (choose(random, (-5, 5)), choose(random, (-6, -5, 5, 6)))
        _chip(picture, *chip, shift=shift, is_placed=kind == "shifted_component")
    elif kind == "open":
        track_x, track_y, is_along_x = _nearest(plan.tracks, x, y)
        length = min(18.0, max(9.0, area_pixels / 10))
        rectangle(picture, track_x, track_y, *((length, 7) if is_along_x else (7, length)), SUBSTRATE)
        for _ in range(3):  # ragged ends
            blob(
                picture, random, track_x + 8 * random.random() - 4, track_y + 8 * random.random() - 4, 6, SUBSTRATE + 22
            )
    elif kind == "short":
        left = list(plan.gaps)
        for _ in range(count):
            gap = _nearest(left, x, y)
            left.remove(gap)
            angle = 1.5708 if gap[2] else 0.0
            blob(picture, random, gap[0], gap[1], max(each, 70), 172, 1.7, angle, roughness=0.3)
            blob(picture, random, gap[0] - 1, gap[1] - 1, max(each, 70) / 6, 225, 1.7, angle)
    elif kind == "solder_splash":
        for spot in range(count):
            spread = 0 if spot == 0 else 16
            spot_x, spot_y = x + spread * (2 * random.random() - 1), y + spread * (2 * random.random() - 1)
            blob(picture, random, spot_x, spot_y, max(each, 34), 182, roughness=0.3)
            blob(picture, random, spot_x - 1, spot_y - 1, max(each, 34) / 5, 240)
    elif kind == "scratch":
        length = min(120.0, 30 + area_pixels / 4)
        path = wander(random, x, y, length, 3.1416 * random.random(), 5, 0.15)
        stroke(picture, path, min(4.0, max(2.0, area_pixels / length)), 158, 0.9)
    else:  # delamination: a pale blister with a bright rim
        blob(
            picture, random, x, y, max(area_pixels, 220) * 1.1, 138, 1.3, 3 * random.random(), softness=3, strength=0.55
        )
        blob(picture, random, x, y, max(area_pixels, 220) * 0.6, 92, 1.3, 3 * random.random(), softness=5, strength=0.5)
    return picture


def _nearest(places: list, x: float, y: float) -> tuple:
    return min(places, key=lambda place: ((place[0] - x) ** 2 + (place[1] - y) ** 2, place))
