"""Inspections as they truly happen: which part, where, when, and what is really wrong with it.

The cameras of a plant look at every part; what reaches the landing is every suspect and a sample of the good parts, in
such a proportion that the recorded share of defective parts equals the process rate (4.3 % on a healthy line).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy

from faultline.simulator import materials, stories
from faultline.simulator.keyed_random import choose, pick, stream
from faultline.simulator.plant import (
    APPEARANCE,
    DIMENSION,
    FUNCTION,
    LINES,
    MATERIAL,
    NO_DEFECT,
    SEVERITIES,
    Line,
    is_camera,
)
from faultline.simulator.timing import Period, shift_of

INSPECTIONS_PER_LINE_AND_DAY = 52
SUNDAY_FACTOR = 0.7
PASS_PICTURE_SHARE, SUSPECT_PICTURE_SHARE = 0.33, 0.97
MANUAL_PICTURE_SHARE, MANUAL_DEFECT_PICTURE_SHARE = 0.30, 0.65
RETURN_SHARE = 0.5  # share of Minor defects whose part comes back after rework within the same plant day

ZONES = ("upper-left", "upper", "upper-right", "left", "centre", "right", "lower-left", "lower", "lower-right")
KINDS = {
    "board": {
        APPEARANCE: ("solder_splash", "scratch"),
        DIMENSION: ("shifted_component",),
        FUNCTION: ("open", "short", "missing_component"),
        MATERIAL: ("delamination",),
    },
    "strip": {
        APPEARANCE: ("scratch", "pit", "roll_mark"),
        DIMENSION: ("width_deviation",),
        FUNCTION: ("crack",),
        MATERIAL: ("inclusion", "lamination"),
    },
    "part": {
        APPEARANCE: ("burr", "chip", "scratch"),
        DIMENSION: ("bore_oversize",),
        FUNCTION: ("missing_hole", "crack"),
        MATERIAL: ("porosity",),
    },
}
# kind: fewest and most spots; every other kind is a single spot
SPOTS = {
    "pit": (1, 4),
    "solder_splash": (1, 4),
    "inclusion": (1, 4),
    "burr": (1, 3),
    "short": (1, 3),
    "roll_mark": (2, 4),
    "porosity": (3, 7),
}
AREA_RANGES = {"Light": (0.0015, 0.005), "Minor": (0.005, 0.016), "Critical": (0.016, 0.045)}  # shares of the picture


class PartState(NamedTuple):
    """What is truly wrong with a part; ``count`` spots cover ``area_ratio`` of the picture."""

    category: str
    severity: str
    kind: str | None
    zone: str | None
    count: int
    area_ratio: float


GOOD = PartState(NO_DEFECT, NO_DEFECT, None, None, 0, 0.0)


@dataclass
class Inspection:
    """One look at one part and its truth. Times are UTC; ``area_ratio`` is a share of the picture (0: a good part)."""

    inspection_id: str
    line: Line
    station_id: str
    sku_id: str
    day: int
    inspect_time: datetime
    recorded_at: datetime
    part_serial: str
    lot: materials.Receipt | None
    inspector_id: str
    is_camera: bool
    category: str
    severity: str
    kind: str | None
    zone: str | None
    count: int
    area_ratio: float
    is_suspect: bool
    has_image: bool
    image_path: str | None = None
    description: str | None = None
    raw_category: str | None = None
    raw_severity: str | None = None

    @property
    def is_defective(self) -> bool:
        return self.category != NO_DEFECT

    @property
    def shift(self) -> str:
        return shift_of(self.inspect_time)


class LineSimulator:
    """Walks one line through its days in order; remembers how many false calls are owed to keep their share."""

    def __init__(self, seed: int, period: Period, size: float, line: Line) -> None:
        self.seed, self.period, self.size, self.line = seed, period, size, line
        self.true_suspects = self.false_calls = 0

    def day(self, day: int) -> list[Inspection]:
        """All inspections of one plant day in the order of their time; days must be asked for in order, from 0."""
        random = stream(self.seed, "inspections", self.line.line_id, day)
        factor = SUNDAY_FACTOR if self.period.date_of(day).weekday() == 6 else 1.0
        number = max(1, int(random.poisson(INSPECTIONS_PER_LINE_AND_DAY * self.size * factor)))
        seconds = numpy.sort(random.integers(0, 86400, number))
        lots = materials.lots_in_use(self.seed, self.period, self.line.material, day)
        first_looks = [self._first_look(random, day, index, int(second), lots) for index, second in enumerate(seconds)]
        looks = first_looks + [again for look in first_looks if (again := self._second_look(random, look)) is not None]
        looks.sort(key=lambda look: look.inspect_time)
        for index, look in enumerate(looks, start=1):
            look.inspection_id = f"I{self.period.date_of(day):%y%m%d}-{self.line.line_id.replace('-', '')}-{index:04d}"
            if look.has_image:
                look.image_path = f"{self.line.line_id}/{self.period.date_of(day):%Y-%m-%d}/{look.inspection_id}.png"
        return looks

    def _first_look(self, random: numpy.random.Generator, day: int, index: int, second: int, lots: list) -> Inspection:
        time = self.period.day_begin(day) + timedelta(seconds=second)
        station_id = pick(random, self.line.inspecting)
        lot = None if random.random() < 0.08 else choose(random, lots)
        has_bad_lot = (
            lot is not None and lot.supplier_lot_id == materials.bad_lot(self.seed, self.period).supplier_lot_id
        )
        fractional_day = day + second / 86400
        rates = stories.defect_rates(self.line.line_id, station_id, has_bad_lot, fractional_day)
        category = pick(random, {**rates, NO_DEFECT: 1 - sum(rates.values())})
        in_burst = stories.in_burst(self.line.line_id, fractional_day)
        state = self._state(random, category, in_burst)
        camera = is_camera(station_id)
        is_suspect = camera and self._is_suspect(random, category, sum(rates.values()))
        if is_suspect:
            picture_share = SUSPECT_PICTURE_SHARE
        elif camera:
            picture_share = PASS_PICTURE_SHARE
        else:
            picture_share = MANUAL_PICTURE_SHARE if category == NO_DEFECT else MANUAL_DEFECT_PICTURE_SHARE
        return Inspection(
            inspection_id="",
            line=self.line,
            station_id=station_id,
            sku_id=self._sku(station_id, day, time),
            day=day,
            inspect_time=time,
            recorded_at=time + timedelta(seconds=int(random.integers(60, 1800))),
            part_serial=f"{day * 100000 + index * 7 + 1000:08d}",
            lot=lot,
            inspector_id=pick(random, self.line.inspectors),
            is_camera=camera,
            **state._asdict(),
            is_suspect=is_suspect,
            has_image=random.random() < picture_share,
        )

    def _state(self, random: numpy.random.Generator, category: str, in_burst: bool) -> PartState:
        if category == NO_DEFECT:
            return GOOD
        if in_burst and category == FUNCTION:
            severity, kind = "Critical" if random.random() < stories.BURST_CRITICAL_SHARE else "Minor", "short"
        else:
            severity = pick(random, dict(zip(SEVERITIES, stories.SEVERITY_SHARES[category], strict=True)))
            kind = choose(random, KINDS[self.line.family][category])
        smallest, largest = AREA_RANGES[severity]
        area_ratio = smallest * (largest / smallest) ** random.random()
        fewest, most = SPOTS.get(kind, (1, 1))
        count = fewest + int(random.random() ** 3 * (most - fewest + 1))
        return PartState(category, severity, kind, choose(random, ZONES), count, round(float(area_ratio), 5))

    def _is_suspect(self, random: numpy.random.Generator, category: str, defect_rate: float) -> bool:
        """The camera's verdict. False calls follow the defects found, so that their share among suspects holds."""
        share = self.line.false_call_share
        chance = random.random()
        if category != NO_DEFECT:
            found = chance >= stories.ESCAPE_SHARE
            self.true_suspects += found
            return found
        owed = self.true_suspects * share / (1 - share) - self.false_calls
        is_false_call = chance < max(0.0, defect_rate * share / (1 - share) * (1 + owed))
        self.false_calls += is_false_call
        return is_false_call

    def _second_look(self, random: numpy.random.Generator, look: Inspection) -> Inspection | None:
        """A person looks again at a reworked part, two to six hours later; mostly it is good now."""
        hours, returns, is_good = 2 + 4 * random.random(), random.random() < RETURN_SHARE, random.random() < 0.88
        time = look.inspect_time + timedelta(seconds=int(hours * 3600))
        if look.severity != "Minor" or not returns or time >= self.period.day_begin(look.day + 1):
            return None
        state = GOOD if is_good else PartState(look.category, "Light", look.kind, look.zone, 1, 0.0025)
        manual = next(station for station in self.line.inspecting if not is_camera(station))
        return Inspection(
            inspection_id="",
            line=self.line,
            station_id=manual,
            sku_id=look.sku_id,
            day=look.day,
            inspect_time=time,
            recorded_at=time + timedelta(seconds=int(random.integers(60, 1800))),
            part_serial=look.part_serial,
            lot=look.lot,
            inspector_id=pick(random, self.line.inspectors),
            is_camera=False,
            is_suspect=False,
            has_image=random.random() < 0.3,
            **state._asdict(),
        )

    def _sku(self, station_id: str, day: int, time: datetime) -> str:
        return sku_in_work(self.seed, self.line, station_id, day, shift_of(time))


def sku_in_work(seed: int, line: Line, station_id: str, day: int, shift: str) -> str:
    """The product a station works on in one shift; the machines of ASM-1 make housings, its last station pumps."""
    if line.line_id == "ASM-1":
        return "ASY-60" if station_id == "ASM1-FIN" else "HSG-40"
    return choose(stream(seed, "sku", line.line_id, day, shift), line.skus)


def simulate_inspections(seed: int, period: Period, size: float) -> list[list[Inspection]]:
    """Per plant day the inspections of all lines, in the order of time."""
    simulators = [LineSimulator(seed, period, size, line) for line in LINES.values()]
    days = [[look for simulator in simulators for look in simulator.day(day)] for day in range(period.days)]
    return [sorted(looks, key=lambda look: (look.inspect_time, look.inspection_id)) for looks in days]
