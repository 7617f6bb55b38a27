"""Machine and process data: sensors, measured characteristics, counted samples, output per hour; a row is a dict."""

import math
from collections.abc import Iterator
from datetime import timedelta

from faultline.simulator import stories
from faultline.simulator.inspections import SUNDAY_FACTOR, sku_in_work
from faultline.simulator.keyed_random import stream
from faultline.simulator.plant import CHARACTERISTICS, LINES
from faultline.simulator.timing import Period, shift_of, stamp

SENSOR_MINUTES = 5
# (equipment, parameter): (level, noise as standard deviation, daily swing, unit)
SENSORS = {
    ("SMT1-REFLOW", "zone_temperature"): (246.0, 0.7, 0.8, "degC"),
    ("SMT2-REFLOW", "zone_temperature"): (247.5, 0.8, 0.8, "degC"),
    ("STL1-FM1", "bearing_temperature"): (61.0, 0.9, 1.8, "degC"),
    ("STL1-FM1", "vibration"): (2.4, 0.16, 0.05, "mm/s"),
    ("ASM1-CNC1", "spindle_temperature"): (47.0, 0.9, 1.6, "degC"),
    ("ASM1-CNC1", "vibration"): (1.6, 0.12, 0.04, "mm/s"),
    ("ASM1-CNC2", "spindle_temperature"): (48.0, 0.9, 1.6, "degC"),
    ("ASM1-CNC2", "vibration"): (1.7, 0.12, 0.04, "mm/s"),
    ("ASM1-FIN", "press_force"): (12.6, 0.22, 0.1, "kN"),
}
SUBGROUP_SIZE, HOURS_BETWEEN_SUBGROUPS = 5, 2
# stream: (mean sample size, mean rate, what is counted)
SAMPLE_STREAMS = {
    "smt1_in_circuit_test_failures": (220, 0.021, "defectives"),
    "stl1_surface_spots": (40, 0.11, "defects"),
}


def sensor_readings(seed: int, period: Period, day: int) -> Iterator[dict]:
    """One reading per sensor and five minutes, in the order of sensor and time."""
    begin = period.day_begin(day)
    steps = 24 * 60 // SENSOR_MINUTES
    for (equipment_id, parameter), (level, noise, swing, unit) in SENSORS.items():
        spread = stream(seed, "sensor", equipment_id, parameter, day).standard_normal(steps) * noise
        for step in range(steps):
            daily = swing * math.sin(2 * math.pi * (step / steps - 0.2))
            drift = stories.drift_degrees(equipment_id, parameter, day + step / steps)
            yield {
                "reading_time": stamp(begin + timedelta(minutes=step * SENSOR_MINUTES)),
                "equipment_id": equipment_id,
                "parameter": parameter,
                "value": f"{level + daily + drift + spread[step]:.3f}",
                "unit": unit,
            }


def process_measurements(seed: int, period: Period, day: int) -> Iterator[dict]:
    """A subgroup of five parts every two hours on every line; the five parts follow each other by 40 seconds."""
    for line in LINES.values():
        item = CHARACTERISTICS[line.characteristic]
        station_id = item.station_by_line[line.line_id]
        random = stream(seed, "measurements", line.line_id, day)
        for number, hour in enumerate(range(0, 24, HOURS_BETWEEN_SUBGROUPS), start=1):
            first = period.day_begin(day) + timedelta(hours=hour, minutes=30)
            is_shifted = line.line_id == stories.SHIFTED_LINE and day + (hour + 0.5) / 24 >= stories.SHIFT_BEGIN_DAY
            mean = item.target + (stories.SHIFT_SIGMAS * item.sigma if is_shifted else 0.0)
            values = mean + item.sigma * random.standard_normal(SUBGROUP_SIZE)
            for part, value in enumerate(values):
                yield {
                    "measured_at": stamp(first + timedelta(seconds=40 * part)),
                    "line_id": line.line_id,
                    "station_id": station_id,
                    "sku_id": sku_in_work(seed, line, station_id, day, shift_of(first)),
                    "characteristic": item.name,
                    "subgroup_id": f"{line.line_id}-{period.date_of(day):%Y%m%d}-{number:02d}",
                    "value": f"{value:.{item.decimals}f}",
                }


def attribute_samples(seed: int, period: Period, day: int) -> Iterator[dict]:
    """One counted sample per stream and shift: failed boards of those tested, spots on square metres of strip."""
    for name, (mean_size, rate, counted) in SAMPLE_STREAMS.items():
        random = stream(seed, "samples", name, day)
        for hour in (4, 12, 20):
            size = int(mean_size * (0.85 + 0.3 * random.random()))
            count = int(random.binomial(size, rate)) if counted == "defectives" else int(random.poisson(size * rate))
            yield {
                "sampled_at": stamp(period.day_begin(day) + timedelta(hours=hour)),
                "stream": name,
                "sample_size": str(size),
                "defectives": str(count) if counted == "defectives" else "",
                "defects": str(count) if counted == "defects" else "",
            }


def production_output(seed: int, period: Period, day: int) -> Iterator[dict]:
    """Units per line, product and hour; the two products of ASM-1 run side by side, elsewhere a shift makes one."""
    factor = SUNDAY_FACTOR if period.date_of(day).weekday() == 6 else 1.0
    for line in LINES.values():
        random = stream(seed, "output", line.line_id, day)
        stations = ("ASM1-CNC1", "ASM1-FIN") if line.line_id == "ASM-1" else tuple(line.inspecting)[:1]
        for hour in range(24):
            begin = period.day_begin(day) + timedelta(hours=hour)
            shift = shift_of(begin)
            stopped = (
                stories.in_burst(line.line_id, day + hour / 24)
                and day + hour / 24 > stories.SHIFT_BEGIN_DAY + stories.BURST_DAYS - 0.2
            )
            pace = factor * (0.25 if stopped else 1.0) * (0.92 if shift == "C" else 1.0)
            for station_id in stations:
                units = max(1, round(line.units_per_hour * pace * (0.88 + 0.24 * random.random())))
                yield {
                    "output_hour": stamp(begin),
                    "line_id": line.line_id,
                    "sku_id": sku_in_work(seed, line, station_id, day, shift),
                    "shift": shift,
                    "units_produced": str(units),
                }
