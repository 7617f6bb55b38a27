"""Purchased material: lots, their receipts over the last year, and which lot a line uses on a day."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from faultline.simulator import stories
from faultline.simulator.keyed_random import choose, stream
from faultline.simulator.plant import SUPPLIERS
from faultline.simulator.timing import Period

DAYS_BETWEEN_RECEIPTS = 3
DAYS_BEFORE_PERIOD = 366
# material: (units in a usual receipt, phase of its receipt days); the coil's phase puts a receipt on the bad lot's day
MATERIALS = {
    "MAT-PCB": (6000, 0),
    "MAT-PASTE": (40, 1),
    "MAT-IC": (9000, 2),
    "MAT-COIL": (900, stories.BAD_LOT_RECEIVED_DAY % 3),
    "MAT-ZINC": (120, 0),
    "MAT-CAST": (2500, 1),
    "MAT-BEAR": (5000, 2),
    "MAT-SEAL": (4000, 0),
}


@dataclass(frozen=True)
class Receipt:
    """One delivery of one lot. Quantities in units; ``quantity_rejected`` is None while the receipt is not judged."""

    receipt_id: str
    supplier_id: str
    supplier_lot_id: str
    sku_id: str
    received_at: datetime
    quantity_received: int
    quantity_rejected: int | None
    promised_at: datetime


@cache
def receipt(seed: int, period: Period, material: str, day: int) -> Receipt:
    """The receipt of ``material`` on ``day`` (negative before the period), which must be one of its receipt days."""
    random = stream(seed, "receipt", material, day)
    bad = (material, day) == (stories.BAD_LOT_MATERIAL, stories.BAD_LOT_RECEIVED_DAY)
    sources = [supplier_id for supplier_id, (_, _, materials) in SUPPLIERS.items() if material in materials]
    supplier_id = choose(random, sources)
    if material == stories.BAD_LOT_MATERIAL and stories.BAD_LOT_RECEIVED_DAY <= day <= stories.BAD_LOT_RECEIVED_DAY + 3:
        supplier_id = stories.BAD_LOT_SUPPLIER if bad else "SUP-05"  # so that lot and supplier can be told apart
    usual, _ = MATERIALS[material]
    quantity = max(1, round(usual * (0.75 + 0.5 * random.random())))
    share = stories.BAD_LOT_REJECTED_SHARE if bad else SUPPLIERS[supplier_id][1] * (0.3 + 1.4 * random.random())
    rejected = int(quantity * share + random.random())
    received_at = period.day_begin(day) + timedelta(minutes=int(60 + 400 * random.random()))
    lateness = timedelta(hours=int(-30 + 48 * random.random() ** 2))
    not_judged = random.random() < 0.02 and not bad
    date = f"{period.date_of(day):%Y%m%d}"
    return Receipt(
        f"GR-{date}-{material[4:]}",
        supplier_id,
        f"{material[4:]}-{date}-{supplier_id[4:]}",
        material,
        received_at,
        quantity,
        None if not_judged else rejected,
        received_at.replace(minute=0) - lateness,
    )


def is_receipt_day(material: str, day: int) -> bool:
    return day % DAYS_BETWEEN_RECEIPTS == MATERIALS[material][1]


def receipts(seed: int, period: Period) -> list[Receipt]:
    """All receipts of the year before the period and of the period itself, in the order of time."""
    every = [
        receipt(seed, period, material, day)
        for day in range(-DAYS_BEFORE_PERIOD, period.days)
        for material in MATERIALS
        if is_receipt_day(material, day)
    ]
    return sorted(every, key=lambda one: (one.received_at, one.receipt_id))


def lots_in_use(seed: int, period: Period, material: str, day: int) -> list[Receipt]:
    """The two lots a line works from on ``day``: the last two that came in before it. Each lot is used for six days."""
    days = [
        earlier
        for earlier in range(day - 1, day - 1 - 2 * DAYS_BETWEEN_RECEIPTS, -1)
        if is_receipt_day(material, earlier)
    ]
    return [receipt(seed, period, material, earlier) for earlier in days]


def bad_lot(seed: int, period: Period) -> Receipt:
    return receipt(seed, period, stories.BAD_LOT_MATERIAL, stories.BAD_LOT_RECEIVED_DAY)
