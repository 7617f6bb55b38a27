"""Recorded answers of one model, `demo-recorded`, for replay: mostly right, some wrong, a few not to be parsed."""

import json

from faultline.simulator.inspections import ZONES, Inspection
from faultline.simulator.judgements import CONFUSED_WITH
from faultline.simulator.keyed_random import choose, pick, stream
from faultline.simulator.plant import ACTIONS, DEFECTS, NO_DEFECT, REINSPECT

MODEL = "demo-recorded"
WRONG_LABEL_SHARE, WRONG_LABEL_SHARE_POOR_PICTURE = 0.075, 0.35
INVALID_SHARE = 0.006

ROOT_CAUSES = {
    "solder_splash": ("reflow profile too steep", "solder paste with moisture"),
    "scratch": ("handling without tray", "worn guide touches the surface"),
    "shifted_component": ("placement nozzle worn", "board not clamped"),
    "open": ("etching fault in the bare board", "trace cut by depaneling"),
    "short": ("too much solder paste, squeegee pressure too high", "stencil not cleaned"),
    "missing_component": ("feeder empty", "nozzle clogged"),
    "delamination": ("moisture in the laminate", "laminate lot out of specification"),
    "pit": ("rolled-in scale", "corrosion in storage"),
    "roll_mark": ("damaged work roll", "foreign body on the roll"),
    "width_deviation": ("edge guide out of position", "side trimmer worn"),
    "crack": ("residual stress", "tool chatter"),
    "inclusion": ("slag in the supplied coil", "contaminated melt at the supplier"),
    "lamination": ("slab defect at the supplier", "scale rolled in"),
    "burr": ("dull tool", "feed too high"),
    "chip": ("part dropped", "clamping too hard"),
    "bore_oversize": ("spindle runs hot, thermal growth", "boring tool worn"),
    "missing_hole": ("tool broken, not detected", "wrong program"),
    "porosity": ("gas in the casting of this lot", "casting temperature too low"),
    None: ("cannot be told from the picture", "contamination"),
}


def recorded_category(seed: int, look: Inspection, is_poor: bool) -> str:
    """The label the model gave, before it was written down badly."""
    random = stream(seed, "ai-label", look.inspection_id)
    wrong_share = WRONG_LABEL_SHARE_POOR_PICTURE if is_poor else WRONG_LABEL_SHARE
    if look.category == NO_DEFECT:
        wrong_share *= 0.8
    if random.random() >= wrong_share:
        return look.category
    return REINSPECT if random.random() < 0.2 else pick(random, CONFUSED_WITH[look.category])


def classify(seed: int, look: Inspection, category: str) -> tuple[str, str | None]:
    """The raw answer to the classification, and what is odd about it (None: nothing)."""
    random = stream(seed, "ai-classify", look.inspection_id)
    chance = random.random()
    if chance < INVALID_SHARE:
        refusal = "I'm sorry, but I can't tell from this image."
        return choose(
            random,
            (
                ("Scratch", "label outside the set"),
                ("", "empty answer"),
                (refusal, "refusal"),
                (f"{category} or No Defect?", "two labels"),
            ),
        )
    if chance < INVALID_SHARE + 0.01:
        return choose(
            random,
            (
                (category.lower(), "label in lower case"),
                (f"  {category}\n", "label padded"),
                (category.upper(), "label in upper case"),
            ),
        )
    return category, None


def extract(seed: int, look: Inspection, category: str) -> tuple[str, str | None]:
    """The raw answer to the extraction, a flat JSON object of strings, and what is odd about it (None: nothing)."""
    random = stream(seed, "ai-extract", look.inspection_id)
    is_right = category == look.category
    confidence = 0.80 + 0.19 * random.random() if is_right else 0.45 + 0.4 * random.random()
    area_ratio = (
        look.area_ratio * (0.8 + 0.45 * random.random()) if look.is_defective else 0.001 + 0.004 * random.random()
    )
    zone = look.zone if look.zone and random.random() < 0.9 else choose(random, ZONES)
    count = max(1, look.count + choose(random, (0, 0, 0, 0, 0, 0, 1, -1)))
    fields = {
        "location": zone,
        "area_ratio": f"{area_ratio:.4f}",
        "count": str(count),
        "confidence": f"{confidence:.2f}",
    }
    if category == NO_DEFECT:
        fields |= {"location": "", "area_ratio": "0", "count": "0"}
    chance = random.random()
    if chance >= 0.02:
        return json.dumps(fields), None
    change, oddity = choose(
        random,
        (
            ({"area_ratio": "1.7"}, "area_ratio above 1"),
            ({"confidence": "95%"}, "confidence with a percent sign"),
            ({"count": "-1"}, "negative count"),
            ({"count": "several"}, "count in words"),
            ({}, "answer in a json fence"),
            ({}, "object cut off"),
            ({}, "refusal"),
        ),
    )
    text = json.dumps(fields | change)
    spoilt = {
        "answer in a json fence": f"```json\n{text}\n```",
        "object cut off": text[: len(text) // 2],
        "refusal": "I cannot assist with that request.",
    }
    return spoilt.get(oddity, text), oddity


def diagnose(seed: int, look: Inspection, category: str | None) -> tuple[str, str | None]:
    """The raw answer to the diagnosis, and what is odd about it; ``category`` is the model's label, if it gave one."""
    random = stream(seed, "ai-diagnose", look.inspection_id)
    cause = choose(random, ROOT_CAUSES[look.kind])
    if random.random() < 0.1:
        cause = choose(random, ROOT_CAUSES[choose(random, [kind for kind in ROOT_CAUSES if kind])])
    judged = category or look.raw_category
    action = "Re-inspect" if judged == REINSPECT else ACTIONS[look.severity]
    if judged in DEFECTS and not look.is_defective:
        action = "Rework"
    answer = {"root_cause": cause, "action": action, "confidence": round(0.55 + 0.43 * random.random(), 2)}
    chance = random.random()
    if chance >= 0.05:
        return json.dumps(answer), None
    odd = (
        (f"```json\n{json.dumps(answer, indent=2)}\n```", "answer in a json fence"),
        (f"Here is my analysis:\n{json.dumps(answer)}", "words before the object"),
        (json.dumps(answer | {"action": "Repair"}), "action outside the four"),
        (json.dumps(answer | {"confidence": 1.4}), "confidence above 1"),
        (json.dumps(answer)[:-8], "object cut off"),
        ("I'm sorry, I can't help with that.", "refusal"),
    )
    return choose(random, odd)


def wants_diagnosis(look: Inspection, category: str | None) -> bool:
    """Whether any party sees more than a good part, so that any severity rule finds its recorded answer."""
    return any(label not in (None, NO_DEFECT) for label in (look.category, look.raw_category, category))
