"""The figures of the candidates side by side: as a table for people, as plain values for JSON."""

from faultline.evaluation.agreement import Kappa, Share

COMPARED = (
    ("cases", "cases"),
    ("no usable answer", "no_answer"),
    ("kappa [95 %]", "kappa"),
    ("weighted kappa [95 %]", "weighted_kappa"),
    ("adjusted kappa (PABAK)", "adjusted_kappa"),
    ("agreement [95 %]", "agreement"),
    ("escape rate [95 %]", "escape_rate"),
    ("false-alarm rate [95 %]", "false_alarm_rate"),
    ("judged too light [95 %]", "too_light"),
    ("judged too grave [95 %]", "too_grave"),
)
SPENT = (
    ("questions", "questions"),
    ("failed", "failed"),
    ("invalid answers", "invalid"),
    ("cost", "cost"),
    ("cost of 1,000 questions", "cost_per_1000_questions"),
    ("currency", "currency"),
    ("latency ms, median", "latency_ms_median"),
    ("latency ms, 95 %", "latency_ms_p95"),
)


def as_plain(value):
    """Named tuples as dictionaries, for JSON."""
    if hasattr(value, "_asdict"):
        return {name: as_plain(part) for name, part in value._asdict().items()}
    if isinstance(value, dict):
        return {name: as_plain(part) for name, part in value.items()}
    return value


def as_text(value) -> str:
    if isinstance(value, Share):
        return "-" if value.value is None else f"{value.value:.1%} [{value.low:.1%}, {value.high:.1%}] of {value.of}"
    if isinstance(value, Kappa):
        if value.value is None:
            return "not defined"
        return f"{value.value:.3f}" + ("" if value.low is None else f" [{value.low:.3f}, {value.high:.3f}]")
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def as_table(report: dict) -> str:
    """One column a candidate, one block a comparison."""
    names = list(report["candidates"])
    results = list(report["candidates"].values())
    blocks = [[("", names)]]
    for comparison in results[0]["comparisons"]:
        compared = [result["comparisons"][comparison] for result in results]
        block = [(f"-- {comparison}", ["" for _ in names])]
        block += [(title, [as_text(one[key]) for one in compared]) for title, key in COMPARED if key in compared[0]]
        block += [
            (f"recall: {label}", [as_text(one["recall"][label]) for one in compared])
            for label, counted in compared[0]["recall"].items()
            if counted.of
        ]
        blocks.append(block)
    blocks.append([("--", ["" for _ in names])])
    blocks[-1] += [(title, [as_text(result[key]) for result in results]) for title, key in SPENT]
    lines = [line for block in blocks for line in block]
    first = max(len(title) for title, _ in lines)
    widths = [max(len(cells[column]) for _, cells in lines) for column in range(len(names))]
    text = "\n".join(
        f"{title:<{first}}  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        for title, cells in lines
    )
    for comparison, paired in report.get("paired", {}).items():
        text += (
            f"\n\n{comparison}: only the first right {paired['only_first_right']}, only the second "
            f"{paired['only_second_right']}; a split like this comes by luck with p = {paired['p_value']:.3f} "
            "(McNemar, exact)."
        )
    return "\n".join(line.rstrip() for line in text.splitlines())
