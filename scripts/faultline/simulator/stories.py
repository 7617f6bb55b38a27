"""What goes wrong in the demo plant, and when. The same facts drive the simulation and ``truth/stories.json``.

Days count from the first plant day (0). A story that begins after the end of the period has not happened yet.
"""

from datetime import datetime, timedelta

from faultline.simulator.plant import APPEARANCE, DIMENSION, FUNCTION, LINES, MATERIAL
from faultline.simulator.timing import Period, stamp

BASE_DEFECT_RATE = 0.043  # share of inspected parts with a true defect on a healthy line
CATEGORY_SHARES = {APPEARANCE: 0.46, DIMENSION: 0.20, FUNCTION: 0.18, MATERIAL: 0.16}
SEVERITY_SHARES = {  # Critical, Minor, Light
    APPEARANCE: (0.01, 0.37, 0.62),
    DIMENSION: (0.03, 0.85, 0.12),
    FUNCTION: (0.85, 0.13, 0.02),
    MATERIAL: (0.04, 0.80, 0.16),
}
ESCAPE_SHARE = 0.04  # share of true defects that a camera lets pass

BAD_LOT_MATERIAL, BAD_LOT_SUPPLIER, BAD_LOT_RECEIVED_DAY = "MAT-COIL", "SUP-04", 8
BAD_LOT_REJECTED_SHARE = 0.085
BAD_LOT_MATERIAL_ISSUE_RATE = 0.24

HOT_STATION, HOT_PARAMETER = "ASM1-CNC2", "spindle_temperature"
DRIFT_BEGIN_DAY, HOT_DEFECTS_BEGIN_DAY, REPAIR_DAY = 12.0, 14.0, 16.5
DRIFT_DEGREES = 13.0
HOT_DIMENSION_RATE = 0.24

SHIFTED_LINE, SHIFTED_CHARACTERISTIC = "SMT-2", "solder_paste_height"
SHIFT_BEGIN_DAY, SHIFT_SIGMAS = 18.5, 1.5
# right after the shift many boards have bridges, until a person lowers the squeegee pressure and releases the line
BURST_DAYS = 1.2
BURST_EXTRA_FUNCTION_RATE, BURST_CRITICAL_SHARE = 0.25, 0.9
SHIFT_EXTRA_RATES = {FUNCTION: 0.015, APPEARANCE: 0.033}

ODD_INSPECTOR = "INSP-06"
ODD_APPEARANCE_AS_GOOD_SHARE, ODD_LOWER_SEVERITY_SHARE = 0.55, 0.5


def in_burst(line_id: str, day: float) -> bool:
    return line_id == SHIFTED_LINE and SHIFT_BEGIN_DAY <= day < SHIFT_BEGIN_DAY + BURST_DAYS


def is_hot(station_id: str, day: float) -> bool:
    return station_id == HOT_STATION and HOT_DEFECTS_BEGIN_DAY <= day < REPAIR_DAY


def defect_rates(line_id: str, station_id: str, has_bad_lot: bool, day: float) -> dict[str, float]:
    """The chance of each defect category for one part inspected at ``day`` (fractional days since the first)."""
    rates = {category: BASE_DEFECT_RATE * share for category, share in CATEGORY_SHARES.items()}
    if has_bad_lot:
        rates[MATERIAL] = BAD_LOT_MATERIAL_ISSUE_RATE
    if is_hot(station_id, day):
        rates[DIMENSION] = HOT_DIMENSION_RATE
    if in_burst(line_id, day):
        rates[FUNCTION] += BURST_EXTRA_FUNCTION_RATE
    elif line_id == SHIFTED_LINE and day >= SHIFT_BEGIN_DAY:
        for category, extra in SHIFT_EXTRA_RATES.items():
            rates[category] += extra
    return rates


def drift_degrees(station_id: str, parameter: str, day: float) -> float:
    """How much a sensor reads above its healthy level, in degrees Celsius."""
    if (station_id, parameter) != (HOT_STATION, HOT_PARAMETER) or not DRIFT_BEGIN_DAY <= day < REPAIR_DAY:
        return 0.0
    return DRIFT_DEGREES * min(1.0, (day - DRIFT_BEGIN_DAY) / (HOT_DEFECTS_BEGIN_DAY - DRIFT_BEGIN_DAY))


def release_time(period: Period) -> datetime:
    """When the shifted line was released by a person (UTC)."""
    return moment(period, SHIFT_BEGIN_DAY + BURST_DAYS)


def moment(period: Period, day: float) -> datetime:
    return period.begin + timedelta(days=day)


def told(period: Period, bad_lot_id: str) -> list[dict]:
    """The stories that have begun before the end of the period, with ids, times (UTC) and sizes."""
    always = [
        {
            "story": "inspector labels differently",
            "begin": stamp(period.begin),
            "begin_day": 0,
            "inspector_id": ODD_INSPECTOR,
            "appearance_defect_called_no_defect_share": ODD_APPEARANCE_AS_GOOD_SHARE,
            "severity_lowered_share": ODD_LOWER_SEVERITY_SHARE,
        },
        {
            "story": "false calls and escapes of the cameras",
            "begin": stamp(period.begin),
            "begin_day": 0,
            "false_call_share_of_suspects": {line.line_id: line.false_call_share for line in LINES.values()},
            "escape_share_of_defects": ESCAPE_SHARE,
        },
    ]
    dated = [
        {
            "story": "bad supplier lot",
            "begin_day": BAD_LOT_RECEIVED_DAY,
            "line_id": "STL-1",
            "supplier_id": BAD_LOT_SUPPLIER,
            "supplier_lot_id": bad_lot_id,
            "sku_id": BAD_LOT_MATERIAL,
            "category": MATERIAL,
            "rate_in_lot": BAD_LOT_MATERIAL_ISSUE_RATE,
            "base_rate": round(BASE_DEFECT_RATE * CATEGORY_SHARES[MATERIAL], 6),
            "rejected_share_at_receipt": BAD_LOT_REJECTED_SHARE,
        },
        {
            "story": "hot spindle",
            "begin_day": DRIFT_BEGIN_DAY,
            "line_id": "ASM-1",
            "station_id": HOT_STATION,
            "parameter": HOT_PARAMETER,
            "drift_celsius": DRIFT_DEGREES,
            "defects_begin": stamp(moment(period, HOT_DEFECTS_BEGIN_DAY)),
            "repaired": stamp(moment(period, REPAIR_DAY)),
            "category": DIMENSION,
            "rate_while_hot": HOT_DIMENSION_RATE,
            "base_rate": round(BASE_DEFECT_RATE * CATEGORY_SHARES[DIMENSION], 6),
        },
        {
            "story": "process shift",
            "begin_day": SHIFT_BEGIN_DAY,
            "line_id": SHIFTED_LINE,
            "characteristic": SHIFTED_CHARACTERISTIC,
            "shift_sigmas": SHIFT_SIGMAS,
            "base_defect_rate": BASE_DEFECT_RATE,
            "defect_rate_after": round(BASE_DEFECT_RATE + sum(SHIFT_EXTRA_RATES.values()), 6),
            "burst_end": stamp(release_time(period)),
            "burst_defect_rate": round(BASE_DEFECT_RATE + BURST_EXTRA_FUNCTION_RATE, 6),
            "released_at": stamp(release_time(period)),
        },
    ]
    for story in dated:
        story["begin"] = stamp(moment(period, story["begin_day"]))
    return always + [story for story in dated if story["begin_day"] < period.days]
