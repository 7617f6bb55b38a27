"""Small SVG charts of the supplier report: plain shapes that print, without a library and without scripts."""

import math
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

INK, GREY, LIGHT, ACCENT, WARN = "#1b2733", "#76828e", "#dfe5ea", "#1f6f8b", "#b3362b"
FONT = "font-family=\"Helvetica, Arial, 'Libertinus Serif', sans-serif\""


def svg(width: int, height: int, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'{FONT} role="img">{"".join(parts)}</svg>'
    )


def text(x: float, y: float, words: str, size: float = 10, anchor: str = "start", colour: str = INK) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = LIGHT, width: float = 1, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"{dashes}/>'


def bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" fill="{colour}"/>'


def curve(points: list[tuple[float, float]], colour: str, width: float = 1.5, dash: str = "") -> str:
    if len(points) < 2:
        return ""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>'


def dot(x: float, y: float, radius: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>'


def round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 100.0
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power)


def axis(top: float, left: float, right: float, upper: float, lower: float) -> list[str]:
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = lower - share * (lower - upper)
        parts += [line(left, y, right, y), text(left - 5, y + 3.5, f"{top * share:,.0f}", 9, "end", GREY)]
    return parts


def months_chart(months: list[dict[str, Any]]) -> str:
    """PPM of each month as a bar, the twelve-month ratio as a line; a month without judged parts says so."""
    left, right, upper, lower = 48, 345, 24, 150
    top = round_up(max([m[name] or 0 for m in months for name in ("ppm", "ppm_12_months")] or [0]))
    parts = [
        text(left, 12, "Rejected parts per million judged", 10, colour=GREY),
        *axis(top, left, right, upper, lower),
    ]
    step = (right - left) / max(len(months), 1)
    rolling: list[tuple[float, float]] = []
    for index, month in enumerate(months):
        middle = left + step * (index + 0.5)
        if month["ppm"] is None:
            parts.append(text(middle, lower - 4, "–", 11, "middle", GREY))
        else:
            height = month["ppm"] / top * (lower - upper)
            colour = ACCENT if index == len(months) - 1 else "#9fc3cf"
            parts.append(bar(middle - step * 0.32, lower - height, step * 0.64, height, colour))
        if month["ppm_12_months"] is not None:
            rolling.append((middle, lower - month["ppm_12_months"] / top * (lower - upper)))
        when: date = month["report_month"]
        parts.append(text(middle, lower + 13, when.strftime("%b"), 9, "middle", GREY))
        if index == 0 or when.month == 1:
            parts.append(text(middle, lower + 25, str(when.year), 9, "middle", GREY))
    parts += [curve(rolling, WARN), *(dot(x, y, 1.8, WARN) for x, y in rolling)]
    parts += [bar(left, 172 + 12, 9, 9, ACCENT), text(left + 13, 192, "month", 9, colour=GREY)]
    parts += [
        line(left + 52, 188, left + 68, 188, WARN, 1.5),
        text(left + 72, 192, "12 months, ratio of sums", 9, colour=GREY),
    ]
    parts += [text(left + 200, 192, "–  nothing judged", 9, colour=GREY)]
    return svg(352, 200, parts)


def funnel_chart(supplier_id: str, suppliers: list[dict[str, Any]], sigmas: float) -> str:
    """Every supplier of the month by quantity and PPM, and the funnel that chance would leave them in."""
    left, right, upper, lower = 48, 345, 24, 150
    judged = [one for one in suppliers if one["ppm"] is not None and one["quantity_judged"]]
    if not judged:
        return svg(352, 60, [text(left, 30, "No parts were judged in this month.", 11, colour=GREY)])
    centre = judged[0]["funnel_centre_ppm"] / 1e6
    low = math.log10(max(min(one["quantity_judged"] for one in judged) * 0.8, 1))
    high = math.log10(max(one["quantity_judged"] for one in judged) * 1.25)
    ours = next((one["ppm"] for one in judged if one["supplier_id"] == supplier_id), 0)
    usual = sorted(one["ppm"] for one in judged)[int(len(judged) * 0.9) - 1 if len(judged) > 9 else -1]
    top = round_up(max(ours, usual, centre * 1e6 * 2))

    def place(quantity: float, ppm: float) -> tuple[float, float]:
        share = (math.log10(quantity) - low) / max(high - low, 1e-9)
        return left + share * (right - left), lower - min(ppm / top, 1) * (lower - upper)

    steps = [10 ** (low + (high - low) * index / 60) for index in range(61)]
    width = [sigmas * math.sqrt(centre * (1 - centre) / quantity) * 1e6 for quantity in steps]
    upper_edge = [place(q, centre * 1e6 + w) for q, w in zip(steps, width, strict=True)]
    lower_edge = [place(q, max(centre * 1e6 - w, 0)) for q, w in zip(steps, width, strict=True)]
    parts = [text(left, 12, "PPM against quantity judged, all suppliers of the month", 10, colour=GREY)]
    parts += axis(top, left, right, upper, lower)
    parts += [curve([place(steps[0], centre * 1e6), place(steps[-1], centre * 1e6)], GREY, 1)]
    parts += [curve(upper_edge, GREY, 1, "4 3"), curve(lower_edge, GREY, 1, "4 3")]
    for one in judged:
        if one["supplier_id"] != supplier_id:
            parts.append(dot(*place(one["quantity_judged"], one["ppm"]), 2.6, "#a9b6c0"))
    for one in judged:
        if one["supplier_id"] == supplier_id:
            x, y = place(one["quantity_judged"], one["ppm"])
            parts += [dot(x, y, 5, WARN), text(min(x + 8, right - 60), y - 6, supplier_id, 10, colour=WARN)]
    for power in range(math.ceil(low), math.floor(high) + 1):
        x, _ = place(10**power, 0)
        parts += [line(x, lower, x, lower + 4, GREY), text(x, lower + 14, f"{10**power:,}", 9, "middle", GREY)]
    parts.append(text((left + right) / 2, lower + 27, "parts judged (logarithmic)", 9, "middle", GREY))
    note = f"line: all suppliers; dashed: {sigmas:g} standard errors; top edge: there or above"
    parts.append(text(left, 192, note, 9, colour=GREY))
    return svg(352, 200, parts)


def pareto_chart(rows: list[dict[str, Any]]) -> str:
    """Defects by category and cause, most first, with the cumulative share."""
    if not rows:
        return svg(
            634, 40, [text(8, 24, "No defect was found on parts of this supplier in this month.", 11, colour=GREY)]
        )
    left, right, row_height = 330, 560, 17
    most = max(row["defects"] for row in rows)
    parts = []
    for index, row in enumerate(rows):
        y = 6 + index * row_height
        label = f"{row['category']}: {row['cause'] or row['root_cause_code']}"
        parts.append(text(left - 6, y + 11, label if len(label) < 68 else label[:66] + "…", 9, "end"))
        parts.append(
            bar(left, y + 1, (right - left) * row["defects"] / most, 12, ACCENT if row["escapes"] else "#a9b6c0")
        )
        parts.append(text(left + (right - left) * row["defects"] / most + 4, y + 11, f"{row['defects']}", 9))
        parts.append(text(628, y + 11, f"{row['cumulative_share']:.0%}", 9, "end", GREY))
    height = 6 + len(rows) * row_height + 16
    parts += [bar(left, height - 12, 9, 9, ACCENT), text(left + 13, height - 4, "of the material", 9, colour=GREY)]
    parts += [
        bar(left + 90, height - 12, 9, 9, "#a9b6c0"),
        text(left + 103, height - 4, "other; right: cumulative", 9, colour=GREY),
    ]
    return svg(634, height, parts)
