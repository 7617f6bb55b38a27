"""Booked quality cost, net sales, and what the MES and the people at the line answered. One table row is a dict."""

import hashlib
from datetime import date, timedelta

from faultline.simulator import stories
from faultline.simulator.inspections import Inspection
from faultline.simulator.keyed_random import stream
from faultline.simulator.plant import LINES, SKUS_MADE
from faultline.simulator.timing import Period, stamp

MONTHS_BEFORE = 12
# (category, item): usual amount per line and month, USD
COST_ITEMS = {
    ("prevention", "operator training"): 1900,
    ("prevention", "preventive maintenance"): 5200,
    ("appraisal", "inspection labour"): 11800,
    ("appraisal", "camera operation"): 3300,
    ("internal_failure", "scrap"): 7400,
    ("internal_failure", "rework labour"): 5600,
    ("internal_failure", "downtime"): 2500,
    ("external_failure", "returns and warranty"): 4300,
}
# booked by hand in other currencies: (months before the first of the period, line, category, item, amount, currency)
FOREIGN_ENTRIES = (
    (7, "STL-1", "external_failure", "claim of a customer in Duisburg", "3180.00", "EUR"),
    (4, "ASM-1", "prevention", "gauge calibration in Ulm", "940.50", "EUR"),
    (3, "SMT-1", "appraisal", "third-party laboratory", "16800.00", "CNY"),
    (1, "STL-1", "internal_failure", "disposal fee", "9400.00", "CNY"),
)
UNITS_SOLD_PER_MONTH = {
    "PCB-A100": 26000,
    "PCB-A200": 31000,
    "PCB-B300": 17000,
    "STRIP-08": 15500,
    "STRIP-12": 12500,
    "HSG-40": 6200,
    "ASY-60": 9800,
}
SALES_MARKUP = 1.45
EURO_SALES_SKU, EURO_SALES_MONTHS, DOLLARS_PER_EURO = "PCB-B300", (2, 5, 8), 1.1


def quality_cost_entries(seed: int, period: Period) -> list[dict]:
    """Monthly bookings of a year before the period, and those of the period itself that were booked before its end."""
    months = period.months(MONTHS_BEFORE)
    entries = []
    for month in months:
        for line_id in LINES:
            for (category, item), usual in COST_ITEMS.items():
                random = stream(seed, "cost", month, line_id, item)
                booked_on = month + timedelta(days=int(random.integers(3, 27)))
                amount = usual * (0.75 + 0.5 * random.random())
                if (
                    month >= months[MONTHS_BEFORE]
                    and category == "internal_failure"
                    and line_id in (stories.SHIFTED_LINE, "STL-1")
                ):
                    amount *= 1.6
                entries.append(_cost(booked_on, line_id, category, item, f"{amount:.2f}", "USD"))
    for before, line_id, category, item, amount, currency in FOREIGN_ENTRIES:
        entries.append(
            _cost(months[MONTHS_BEFORE - before] + timedelta(days=14), line_id, category, item, amount, currency)
        )
    entries = [entry for entry in entries if date.fromisoformat(entry["booked_on"]) <= period.date_of(period.days - 1)]
    entries.sort(key=lambda entry: (entry["booked_on"], entry["line_id"], entry["cost_item"]))
    for entry in entries:
        entry["entry_id"] = "QC-" + hashlib.md5("|".join(entry.values()).encode()).hexdigest()[:10]
    return entries


def _cost(booked_on: date, line_id: str, category: str, item: str, amount: str, currency: str) -> dict:
    return {
        "entry_id": "",
        "booked_on": booked_on.isoformat(),
        "line_id": line_id,
        "sku_id": "",
        "cost_category": category,
        "cost_item": item,
        "amount": amount,
        "currency": currency,
    }


def net_sales(seed: int, period: Period) -> list[dict]:
    """Sales of whole months, USD; one product is sold in EUR in three of them."""
    rows = []
    for index, month in enumerate(period.months(MONTHS_BEFORE)):
        for sku_id, (_, unit_cost, _, _) in SKUS_MADE.items():
            random = stream(seed, "sales", month, sku_id)
            amount = UNITS_SOLD_PER_MONTH[sku_id] * unit_cost * SALES_MARKUP * (0.88 + 0.24 * random.random())
            in_euro = sku_id == EURO_SALES_SKU and index in EURO_SALES_MONTHS
            currency = "EUR" if in_euro else "USD"
            rows.append(
                {
                    "sales_month": month.isoformat(),
                    "sku_id": sku_id,
                    "amount": f"{amount / (DOLLARS_PER_EURO if in_euro else 1):.2f}",
                    "currency": currency,
                }
            )
    return rows


def action_key(kind: str, subject_id: str) -> str:
    """The stable key of one action sent to the MES."""
    return "fl1-" + hashlib.md5(f"{kind}|{subject_id}".encode()).hexdigest()


def mes_acknowledgements(seed: int, period: Period, looks: list[Inspection]) -> list[dict]:
    """What the MES answered about two thirds of the scrapped parts, as far as it came before the end of the period."""
    rows = []
    for look in looks:
        if look.severity != "Critical" or look.raw_severity != "Critical":
            continue
        random = stream(seed, "mes", look.inspection_id)
        answered_at = look.recorded_at + timedelta(seconds=int(random.integers(600, 8 * 3600)))
        is_answered, is_accepted = random.random() < 0.66, random.random() < 0.9
        if is_answered and answered_at < period.end:
            rows.append(
                {
                    "action_key": action_key("scrap", look.inspection_id),
                    "acknowledged_at": stamp(answered_at),
                    "status": "accepted" if is_accepted else "rejected",
                    "mes_reference": f"MES-{look.inspection_id[1:]}",
                    "message": "" if is_accepted else "order already closed",
                }
            )
    return sorted(rows, key=lambda row: (row["acknowledged_at"], row["action_key"]))


def line_stop_releases(period: Period) -> list[dict]:
    """The one release of the shifted line, if it lies in the period."""
    released_at = stories.release_time(period)
    if released_at >= period.end:
        return []
    reason = "squeegee pressure lowered, stencil cleaned; first twenty boards without bridges"
    return [
        {"line_id": stories.SHIFTED_LINE, "released_at": stamp(released_at), "released_by": "QE-02", "reason": reason}
    ]
