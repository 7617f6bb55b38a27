"""The seeds of the project as the evaluation needs them: labels, rules, models and prompts."""

import csv
import hashlib
import json
import re
from functools import cached_property
from pathlib import Path

from faultline import UsageError
from faultline.evaluation.reading import normalised


class Seeds:
    """A folder of seeds."""

    def __init__(self, folder: Path):
        self._folder = folder

    def rows(self, name: str) -> list[dict[str, str]]:
        path = self._folder / f"{name}.csv"
        if not path.is_file():
            raise UsageError(f"there is no seed {path}")
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))

    def _sorted(self, name: str) -> list[dict[str, str]]:
        return sorted(self.rows(name), key=lambda row: int(row["sort_order"]))

    @cached_property
    def categories(self) -> list[str]:
        return [row["category"] for row in self._sorted("defect_categories")]

    @cached_property
    def sound_categories(self) -> set[str]:
        """Judged, and no defect."""
        return {
            row["category"]
            for row in self.rows("defect_categories")
            if is_true(row["is_judged"]) and not is_true(row["is_defect"])
        }

    @cached_property
    def open_categories(self) -> set[str]:
        """No judgement: somebody has to look."""
        return {row["category"] for row in self.rows("defect_categories") if not is_true(row["is_judged"])}

    def labels(self, label_set: str) -> list[str]:
        """Labels in their order."""
        if label_set == "category":
            return self.categories
        if label_set == "root_cause_code":
            return list(self.root_causes)
        return [row["label"] for row in self._sorted("labels") if row["label_set"] == label_set]

    def spellings(self, column: str) -> dict[str, str]:
        """Labels by the form they are compared in, synonyms of the plant among them (model ods_label_spellings)."""
        label_set = "category" if column == "label" else column
        labels = {normalised(label): label for label in self.labels(label_set)}
        synonyms = {
            normalised(row["spelling"]): labels[normalised(row["label"])]
            for row in self.rows("label_synonyms")
            if normalised(row["label_set"]) == label_set and normalised(row["label"] or "") in labels
        }
        return {**synonyms, **labels}

    @cached_property
    def root_causes(self) -> dict[str, str]:
        """Causes by the codes that a model may give."""
        rows = self._sorted("root_causes")
        return {row["root_cause_code"]: row["cause"] for row in rows if row["six_m"] != "Unclassified"}

    @cached_property
    def severity_rules(self) -> list[dict[str, str]]:
        return sorted(self.rows("severity_rules"), key=lambda row: int(row["rule_order"]))

    def step_of(self, candidate: str, max_answer_tokens: int) -> dict:
        """What a candidate MODEL/PROMPT asks, as the macro endpoint_settings gives it, with the model's currency."""
        model_name, _, prompt_version = candidate.rpartition("/")
        models = {row["model"]: row for row in self.rows("ai_models")}
        prompts = {row["prompt_version"]: row for row in self.rows("ai_prompts")}
        if model_name not in models:
            raise UsageError(f"'{candidate}': ai_models has no model '{model_name}'; it has {', '.join(models)}")
        if prompt_version not in prompts:
            raise UsageError(f"'{candidate}': ai_prompts has no prompt '{prompt_version}'; it has {', '.join(prompts)}")
        model, prompt = models[model_name], prompts[prompt_version]
        if is_true(prompt["sends_image"]) and not is_true(model["is_multimodal"]):
            raise UsageError(f"'{candidate}': the prompt sends a picture, and the model reads text only")
        step, text = prompt["step"], prompt["prompt_text"] or ""
        labels = self.categories if step == "classify" else []
        if "[root_cause_codes]" in text:
            labels = list(self.root_causes)
            meanings = (f"{code} ({cause})" for code, cause in self.root_causes.items())
            text = text.replace("[root_cause_codes]", "; ".join(meanings))
        image_tokens = int(model["image_tokens"] or 0) if is_true(prompt["sends_image"]) else 0
        return {
            "step": step,
            "model": model_name,
            "served_as": model["provider_model_id"],
            "prompt_version": prompt_version,
            "prompt_md5": hashlib.md5(json.dumps([text, prompt["response_schema"], labels]).encode()).hexdigest(),
            "prompt_text": text,
            "response_schema": prompt["response_schema"] or "",
            "sends_image": is_true(prompt["sends_image"]),
            "labels": labels,
            "actions": self.labels("action"),
            "structured_output": model["structured_output"] or "",
            "request_options": model["request_options"] or "",
            "input_price": model["input_price_per_million_tokens"] or "",
            "output_price": model["output_price_per_million_tokens"] or "",
            "estimated_input_tokens": int(prompt["estimated_prompt_tokens"] or 0) + image_tokens,
            "estimated_output_tokens": int(prompt["estimated_answer_tokens"] or 0),
            "max_answer_tokens": max_answer_tokens,
            "currency": model["currency"] or "",
        }


def is_true(text: str | None) -> bool:
    return (text or "").strip().lower() == "true"


# In the order of the model ai_diagnose_requests: people's words last, so that nothing in them is taken for a name.
PLACEHOLDERS = (
    "line_id",
    "station_id",
    "sku_id",
    "category",
    "severity",
    "area_ratio",
    "count",
    "location",
    "description",
)


def placeholders(template: str) -> list[str]:
    """The values of a row that a prompt asks for."""
    return [name for name in PLACEHOLDERS if f"[{name}]" in template]


def filled_prompt(template: str, values: dict[str, str | None]) -> str:
    """The prompt of a row, as the macro filled_prompt makes it."""
    for name in placeholders(template):
        data = (values.get(name) or "")[:4000].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if name != PLACEHOLDERS[-1]:
            data = re.sub(r"\[", "(", data).replace("]", ")")
        template = template.replace(f"[{name}]", data)
    return template
