"""What of an answer is compared with what a person said, step by step.

Each step is judged alone: what the steps before it would have found is taken from the person.
"""

from collections.abc import Sequence
from typing import NamedTuple

from faultline.evaluation.agreement import adjusted_kappa, kappa, share
from faultline.evaluation.reading import as_count, as_share, bare_answer, flat_object, normalised, trimmed
from faultline.evaluation.seeds import Seeds

DEFECT, NO_DEFECT = "Defect", "No Defect"


class Comparison(NamedTuple):
    """One thing that both a person and a model say of a part."""

    name: str
    labels: list[str]
    is_scale: bool = False  # the labels are in an order, the gravest first
    lets_go: frozenset[str] = frozenset()  # with these answers a part leaves the plant
    decides_nothing: frozenset[str] = frozenset()  # with these somebody has to look again


def comparisons_of(step: str, seeds: Seeds) -> list[Comparison]:
    """Everything that can be compared for a step; what the labelled set does not hold is left out later."""
    if step == "classify":
        sound, undecided = frozenset(seeds.sound_categories), frozenset(seeds.open_categories)
        return [Comparison("category", seeds.categories, False, sound, undecided)]
    if step == "extract":
        return [
            Comparison("defect", [DEFECT, NO_DEFECT], False, frozenset({NO_DEFECT})),
            Comparison("severity", seeds.labels("severity"), True),
        ]
    return [
        Comparison("action", seeds.labels("action"), False, frozenset({"Pass"}), frozenset({"Re-inspect"})),
        Comparison("root_cause_code", list(seeds.root_causes)),
    ]


def human_answers(step: str, labelled: dict[str, str | None], seeds: Seeds) -> dict[str, str | None]:
    """What the person said, by comparison; None where nothing was said."""
    category = labelled.get("label")
    if step == "classify":
        return {"category": category}
    if step == "extract":
        if category in seeds.open_categories:
            return {"defect": None, "severity": None}
        defect = NO_DEFECT if category in seeds.sound_categories else DEFECT
        return {"defect": defect, "severity": labelled.get("severity")}
    return {"action": labelled.get("action"), "root_cause_code": labelled.get("root_cause_code")}


def machine_answers(
    step: str, raw_response: str | None, category: str | None, seeds: Seeds
) -> dict[str, str | None] | None:
    """What the model said, by comparison; None where there is no answer or none that the SQL models would take."""
    if raw_response is None:
        return None
    if step == "classify":
        label = {normalised(label): label for label in seeds.categories}.get(normalised(bare_answer(raw_response)))
        return label and {"category": label}
    values = flat_object(raw_response)
    if values is None:
        return None
    if step == "extract":
        if not {"location", "area_ratio", "count", "confidence"} & values.keys():
            return None
        count, area_ratio = as_count(values.get("count")), as_share(values.get("area_ratio"))
        defect = None if count is None else DEFECT if count else NO_DEFECT
        return {"defect": defect, "severity": severity_of(category, area_ratio, count, seeds)}
    actions = {normalised(action): action for action in seeds.labels("action")}
    codes = {normalised(code): code for code in seeds.root_causes}
    action, code = actions.get(normalised(values.get("action"))), codes.get(normalised(values.get("root_cause_code")))
    if action is None or (trimmed(values.get("root_cause")) is None and code is None):
        return None
    return {"action": action, "root_cause_code": code}


def severity_of(category: str | None, area_ratio: float | None, count: int | None, seeds: Seeds) -> str | None:
    """By the first of the severity_rules that fits, as the model resolved_severities has it; no inspector's word."""
    for rule in seeds.severity_rules:
        fits = (
            rule["category"] in ("", category)
            and not rule["inspector_severity"]
            and (not rule["min_area_ratio"] or (area_ratio is not None and area_ratio >= float(rule["min_area_ratio"])))
            and (not rule["min_defect_count"] or (count is not None and count >= int(rule["min_defect_count"])))
        )
        if fits:
            return rule["severity"] or None
    return None


def figures(comparison: Comparison, pairs: Sequence[tuple[str, str | None]]) -> dict:
    """Everything about one judge. No answer counts against it everywhere: somebody has to look again."""
    agreement = share(sum(human == machine for human, machine in pairs), len(pairs))
    result = {
        "cases": len(pairs),
        "no_answer": sum(machine is None for _, machine in pairs),
        "kappa": kappa(pairs),
        "agreement": agreement,
        "adjusted_kappa": adjusted_kappa(agreement.value, len(comparison.labels)),
        "recall": {
            label: share(
                sum(machine == label for human, machine in pairs if human == label),
                sum(human == label for human, _ in pairs),
            )
            for label in comparison.labels
        },
    }
    if comparison.is_scale:
        rank = {label: number for number, label in enumerate(comparison.labels)}
        distances = [rank[machine] - rank[human] for human, machine in pairs if machine is not None]
        result["weighted_kappa"] = kappa(pairs, comparison.labels)
        result["too_light"] = share(sum(distance > 0 for distance in distances), len(distances))
        result["too_grave"] = share(sum(distance < 0 for distance in distances), len(distances))
    if comparison.lets_go:
        undecided = comparison.decides_nothing
        bad = [machine for human, machine in pairs if human not in comparison.lets_go | undecided]
        good = [machine for human, machine in pairs if human in comparison.lets_go]
        # An escape leaves the plant; a false alarm costs a second look.
        result["escape_rate"] = share(sum(machine in comparison.lets_go for machine in bad), len(bad))
        alarms = (machine not in comparison.lets_go | undecided and machine is not None for machine in good)
        result["false_alarm_rate"] = share(sum(alarms), len(good))
    return result
