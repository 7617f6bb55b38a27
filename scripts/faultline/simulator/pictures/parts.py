"""Machined parts before a bright background: a flange with a bore and bolt holes, or a square pump body."""

import math
from dataclasses import dataclass, replace

import numpy

from faultline.simulator.pictures.shapes import COLUMNS, HEIGHT, ROWS, WIDTH, Flaw, Picture, blob, disc, stroke, wander

BACKGROUND, METAL = 206.0, 98.0


@dataclass(frozen=True)
class Part:
    """The geometry of one part in the picture; lengths in pixels, angles in radians."""

    x: float
    y: float
    turned: float
    is_round: bool
    radius: float
    bore: float
    holes: int
    hole_radius: float
    hole_circle: float
    bore_shift: tuple[float, float] = (0.0, 0.0)
    missing_hole: int | None = None

    def hole_centre(self, number: int) -> tuple[float, float]:
        angle = self.turned + 2 * math.pi * number / self.holes
        return self.x + self.hole_circle * math.cos(angle), self.y + self.hole_circle * math.sin(angle)


def scene(seed: int, random: numpy.random.Generator, sku_id: str) -> Part:
    """A good part, laid down a little differently each time."""
    x, y = WIDTH / 2 + 8 * (random.random() - 0.5), HEIGHT / 2 + 6 * (random.random() - 0.5)
    if sku_id == "HSG-40":
        return Part(x, y, 1.05 * random.random(), True, 84, 27, 6, 7, 58)
    return Part(x, y, 0.785 + 0.12 * (random.random() - 0.5), False, 78, 34, 4, 8, 84)


def draw(part: Part) -> Picture:
    """The part as its geometry says."""
    along_x, along_y = COLUMNS - numpy.float32(part.x), ROWS - numpy.float32(part.y)
    distance = numpy.hypot(along_x, along_y)
    if part.is_round:
        depth = part.radius - distance
    else:  # a rounded square, turned with its holes
        turn = part.turned - math.pi / 4
        u = numpy.abs(along_x * math.cos(turn) + along_y * math.sin(turn)) - (part.radius - 18)
        v = numpy.abs(along_y * math.cos(turn) - along_x * math.sin(turn)) - (part.radius - 18)
        depth = 18 - numpy.hypot(numpy.maximum(u, 0), numpy.maximum(v, 0)) - numpy.minimum(numpy.maximum(u, v), 0)
    picture = BACKGROUND + 10 * (1 - numpy.hypot(COLUMNS / WIDTH - 0.5, ROWS / HEIGHT - 0.5)) - 6
    turned_rings = METAL + 7 * numpy.sin(distance * 1.1) + 12 * (along_x / WIDTH - along_y / HEIGHT)
    turned_rings += 42 * numpy.clip(1 - numpy.abs(depth - 3) / 2.5, 0, 1)  # the bevel catches the light
    cover = numpy.clip(depth + 0.5, 0, 1)
    picture = (picture + cover * (turned_rings - picture)).astype(numpy.float32)
    bore_x, bore_y = part.x + part.bore_shift[0], part.y + part.bore_shift[1]
    disc(picture, part.x, part.y, 31 if part.is_round else 38, METAL + 30)
    disc(picture, bore_x, bore_y, part.bore, 218)
    for number in range(part.holes):
        if number != part.missing_hole and part.is_round:
            disc(picture, *part.hole_centre(number), part.hole_radius + 2, METAL + 34)
            disc(picture, *part.hole_centre(number), part.hole_radius, 216)
        elif number != part.missing_hole:
            disc(picture, *part.hole_centre(number), part.hole_radius, 24)
    return picture


def spoil(part: Part, random: numpy.random.Generator, good: Picture, flaw: Flaw) -> Picture:
    """A copy of ``good`` with the flaw, moved to the contour, a hole or the metal where it belongs."""
    kind, x, y, area_pixels, count = flaw
    if kind == "bore_oversize":
        growth = min(8.0, max(3.5, area_pixels / (2 * math.pi * part.bore)))
        angle = 2 * math.pi * random.random()
        return draw(
            replace(
                part,
                bore=part.bore + growth,
                bore_shift=(growth * 0.5 * math.cos(angle), growth * 0.5 * math.sin(angle)),
            )
        )
    if kind == "missing_hole":
        return draw(
            replace(
                part,
                missing_hole=min(range(part.holes), key=lambda number: math.dist(part.hole_centre(number), (x, y))),
            )
        )
    picture = good.copy()
    angle = math.atan2(y - part.y, x - part.x)
    if kind == "chip":
        fracture = good.copy()
        blob(
            fracture,
            random,
            *_on_contour(part, angle, 0),
            max(area_pixels, 60) * 2.3,
            152,
            1.5,
            angle + 1.57,
            roughness=0.35,
        )
        picture = numpy.where(good < 170, fracture, good)  # only the metal can break
        blob(
            picture,
            random,
            *_on_contour(part, angle, 3),
            max(area_pixels, 60) * 1.7,
            BACKGROUND,
            1.5,
            angle + 1.57,
            roughness=0.3,
        )
    elif kind == "burr":
        for spot in range(count):
            place = angle + (0.22 * (2 * random.random() - 1) if spot else 0)
            blob(
                picture,
                random,
                *_on_contour(part, place, 3),
                max(area_pixels / count, 45),
                64,
                2.2,
                place + 0.5,
                roughness=0.45,
            )
    elif kind == "scratch":
        spot_x, spot_y = _on_metal(part, angle)
        length = min(80.0, 24 + area_pixels / 4)
        path = wander(random, spot_x, spot_y, length, angle + 1.57 + 0.5 * (random.random() - 0.5), 5, 0.12)
        stroke(picture, path, min(4.0, max(2.0, area_pixels / length)), 196, 0.85)
    elif kind == "crack":
        outside = _on_contour(part, angle, 0)
        length = min(48.0, 26 + area_pixels / 10)
        inside = (outside[0] - math.cos(angle) * length / 2, outside[1] - math.sin(angle) * length / 2)
        stroke(
            picture, wander(random, *inside, length, angle + math.pi, 12, 0.7), max(2.2, area_pixels / length / 1.5), 20
        )
    else:  # porosity: dark pores in the metal
        for spot in range(count):
            spot_x, spot_y = _on_metal(part, angle + (0.5 * (2 * random.random() - 1) if spot else 0))
            pore_x, pore_y = spot_x + 14 * (random.random() - 0.5), spot_y + 14 * (random.random() - 0.5)
            blob(picture, random, pore_x, pore_y, max(area_pixels / count, 14), 30, roughness=0.4)
    return picture


def _on_contour(part: Part, angle: float, outwards: float) -> tuple[float, float]:
    """The point of the outer contour in one direction, moved outwards by some pixels."""
    reach = part.radius
    if not part.is_round:
        turned = angle - (part.turned - math.pi / 4)
        reach = min(part.radius / max(abs(math.cos(turned)), abs(math.sin(turned))), part.radius + 24)
    return part.x + (reach + outwards) * math.cos(angle), part.y + (reach + outwards) * math.sin(angle)


def _on_metal(part: Part, angle: float) -> tuple[float, float]:
    """A point in one direction between bore and contour."""
    reach = (part.radius + max(part.bore, 31)) / 2 + (8 if not part.is_round else 12)
    return part.x + reach * math.cos(angle), part.y + reach * math.sin(angle)
