"""What people say about an inspection: the first judgement, its slips and one inspector's habit, and later reviews."""

from datetime import timedelta

import numpy

from faultline.simulator import stories, texts
from faultline.simulator.inspections import Inspection
from faultline.simulator.keyed_random import choose, pick, stream
from faultline.simulator.plant import (
    ACTIONS,
    APPEARANCE,
    DEFECTS,
    DIMENSION,
    FUNCTION,
    MATERIAL,
    NO_DEFECT,
    REINSPECT,
    REVIEWERS,
)
from faultline.simulator.timing import Period, stamp

# what a slip turns a category into: neighbours are likelier than strangers
CONFUSED_WITH = {
    APPEARANCE: {MATERIAL: 4, NO_DEFECT: 3, DIMENSION: 1, FUNCTION: 1},
    DIMENSION: {APPEARANCE: 3, FUNCTION: 2, NO_DEFECT: 2},
    FUNCTION: {APPEARANCE: 4, DIMENSION: 2, MATERIAL: 1},
    MATERIAL: {APPEARANCE: 6, FUNCTION: 1, NO_DEFECT: 1},
    NO_DEFECT: {APPEARANCE: 6, MATERIAL: 1, DIMENSION: 1},
}
RIGHT_SHARE, DOUBT_SHARE, RIGHT_SEVERITY_SHARE = 0.93, 0.03, 0.86
VERIFIED_SHARE = 0.93  # share of suspects that an operator has judged
GLANCED_SHARE = 0.62  # share of camera passes that carry an operator's "No Defect"
AUDIT_SHARE, DISAGREEMENT_REVIEW_SHARE, DOUBT_REVIEW_SHARE = 0.05, 0.62, 0.45
LOWER = {"Critical": "Minor", "Minor": "Light", "Light": "Light"}


def judge(seed: int, look: Inspection) -> None:
    """Fill in the first human judgement and the description of one inspection."""
    random = stream(seed, "judgement", look.inspection_id)
    if look.is_camera and not look.is_suspect:
        if random.random() < GLANCED_SHARE:
            look.raw_category, look.raw_severity = NO_DEFECT, NO_DEFECT
        return
    if look.is_camera and random.random() >= VERIFIED_SHARE:
        return
    look.raw_category = _raw_category(random, look)
    look.raw_severity = _raw_severity(random, look)
    silent = random.random() < (0.25 if look.is_camera else 0.1)
    if not silent:
        look.description = _description(random, look)


def _raw_category(random: numpy.random.Generator, look: Inspection) -> str:
    is_odd = look.inspector_id == stories.ODD_INSPECTOR
    if is_odd and look.category == APPEARANCE and random.random() < stories.ODD_APPEARANCE_AS_GOOD_SHARE:
        return NO_DEFECT
    chance = random.random()
    if look.category == NO_DEFECT and not look.is_suspect:
        chance *= 0.94  # a plainly good part is seldom misjudged
    if chance < RIGHT_SHARE:
        return look.category
    return REINSPECT if chance < RIGHT_SHARE + DOUBT_SHARE else pick(random, CONFUSED_WITH[look.category])


def _raw_severity(random: numpy.random.Generator, look: Inspection) -> str | None:
    if look.raw_category == NO_DEFECT:
        return NO_DEFECT
    if look.raw_category == REINSPECT:
        return None
    severity = look.severity if look.is_defective else "Light"
    if look.inspector_id == stories.ODD_INSPECTOR and random.random() < stories.ODD_LOWER_SEVERITY_SHARE:
        return LOWER[severity]
    if random.random() < RIGHT_SEVERITY_SHARE:
        return severity
    return choose(
        random, {"Critical": ("Minor",), "Minor": ("Light", "Light", "Critical"), "Light": ("Minor",)}[severity]
    )


def _description(random: numpy.random.Generator, look: Inspection) -> str:
    if look.raw_category == REINSPECT:
        return texts.describe_doubt(random)
    if look.raw_category == NO_DEFECT or not look.is_defective:
        return texts.describe_good(random)
    return texts.describe_defect(random, look.kind, look.zone, look.count, look.area_ratio, look.raw_severity)


def review(seed: int, period: Period, look: Inspection, ai_category: str | None) -> dict | None:
    """The later review of one inspection with a picture, or None.

    A blind audit is drawn at random (5 %), without regard to any label; the other reviews follow a disagreement between
    the first judgement and ``ai_category``, or a first judgement in doubt. A review after the period has not happened.
    """
    if not look.has_image:
        return None
    random = stream(seed, "review", look.inspection_id)
    chance = random.random()
    if chance < AUDIT_SHARE:
        reason = "audit"
    elif look.raw_category == REINSPECT and random.random() < DOUBT_REVIEW_SHARE:
        reason = "requested"
    elif (
        ai_category is not None
        and look.raw_category not in (None, ai_category)
        and random.random() < DISAGREEMENT_REVIEW_SHARE
    ):
        reason = "low_confidence" if random.random() < 0.12 else "disagreement"
    else:
        return None
    category = look.category if random.random() < 0.97 else pick(random, CONFUSED_WITH[look.category])
    severity = NO_DEFECT if category == NO_DEFECT else look.severity if look.is_defective else "Light"
    if category in DEFECTS and random.random() < 0.06:
        severity = LOWER[severity]
    reviewed_at = look.recorded_at + timedelta(seconds=int(random.integers(3600, 40 * 3600)))
    if reviewed_at >= period.end:
        return None
    return {
        "review_id": f"R-{look.inspection_id[1:]}",
        "inspection_id": look.inspection_id,
        "reviewed_at": stamp(reviewed_at),
        "reviewer_id": choose(random, REVIEWERS),
        "review_reason": reason,
        "is_blind": "true" if reason == "audit" else "false",
        "reviewed_category": category,
        "reviewed_severity": severity,
        "reviewed_action": ACTIONS[severity],
        "note": choose(
            random, ("", "", "", "seen under microscope", "复判", "clear case", "compared with limit sample")
        ),
    }
