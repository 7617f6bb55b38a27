"""`evaluate`: a labelled set of pictures through two models or prompts, side by side, before one is switched on.

    export FAULTLINE_AI_BASE_URL=http://127.0.0.1:8000/v1
    python scripts/faultline evaluate --labelled reviewed.csv --images images \\
        --candidate qwen2.5-vl-local/classify-v1 --candidate qwen3-vl-plus/classify-v1

The labelled set is a CSV with image_path and label (a category). Models and prompts are rows of the seeds ai_models and
ai_prompts. Answers are kept in a store of their own (--store): a second evaluation of the same asks nothing again.
"""

import argparse
import csv
import hashlib
import json
import re
import sys
from pathlib import Path

from faultline import UsageError
from faultline.endpoint import EndpointError
from faultline.endpoint.images import UnreadableImage, read_below_root
from faultline.evaluation.agreement import Judged, Kappa, Share, figures, mcnemar

PROJECT = Path(__file__).resolve().parents[3]
GOOD, UNSURE = "No Defect", "Requires Manual Re-inspection"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--labelled", required=True, type=Path, help="CSV with image_path and label")
    parser.add_argument("--images", required=True, type=Path, help="folder that the image paths start from")
    parser.add_argument(
        "--candidate",
        required=True,
        action="append",
        metavar="MODEL/PROMPT",
        help="names in ai_models and ai_prompts; give two",
    )
    parser.add_argument(
        "--seeds", type=Path, default=PROJECT / "seeds", help="folder of the seeds (default: the project's)"
    )
    parser.add_argument("--store", type=Path, default=Path("target/evaluation.answers"), help="where answers are kept")
    parser.add_argument("--concurrency", type=int, default=16, help="requests in flight")
    parser.add_argument("--requests-per-minute", type=float, default=-1, help="in any 60 seconds; -1 = no limit known")
    parser.add_argument("--max-calls", type=int, default=-1, help="most calls of one candidate; -1 = no limit")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one answer")
    parser.add_argument(
        "--image-edge", type=int, default=1024, help="longer edge of the pictures that are sent, in pixels"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")


def run(arguments: argparse.Namespace) -> int:
    if len(arguments.candidate) > 2:
        raise UsageError("give one or two --candidate")
    labels = seed_labels(arguments.seeds)
    cases = read_cases(arguments.labelled, arguments.images, labels)
    results, correct = {}, []
    for number, candidate in enumerate(arguments.candidate):
        judged = judge(candidate, cases, labels, arguments, number)
        results[candidate] = figures(judged, labels, GOOD, UNSURE)
        correct.append([case.label == case.answer for case in judged])
    report = {"labelled": str(arguments.labelled), "candidates": results}
    if len(correct) == 2:
        only_first, only_second, p = mcnemar(*correct)
        report["paired"] = {"only_first_right": only_first, "only_second_right": only_second, "p_value": p}
    print(as_table(report, labels))
    if arguments.json:
        arguments.json.write_text(json.dumps(as_plain(report), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"\nFigures in {arguments.json}")
    return 0


# ---- what is evaluated


def seed_rows(folder: Path, name: str) -> list[dict]:
    path = folder / f"{name}.csv"
    if not path.is_file():
        raise UsageError(f"there is no seed {path}")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def seed_labels(folder: Path) -> list[str]:
    rows = sorted(seed_rows(folder, "defect_categories"), key=lambda row: int(row["sort_order"]))
    return [row["category"] for row in rows]


def normalised(text: str) -> str:
    """As the macro normalised_label compares."""
    return re.sub(r"\s+", " ", text).strip().lower()


def read_cases(path: Path, images: Path, labels: list[str]) -> list[dict]:
    """The labelled pictures; an unknown label or a missing file is the caller's to mend, not ours to skip."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    by_name = {normalised(label): label for label in labels}
    cases, faults = [], []
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"image_path", "label"} <= set(reader.fieldnames or []):
            raise UsageError(
                f"{path} needs the columns image_path and label; it has {', '.join(reader.fieldnames or ['none'])}"
            )
        for number, row in enumerate(reader, 2):
            label = by_name.get(normalised(row["label"] or ""))
            if label is None:
                faults.append(f"line {number}: '{row['label']}' is no category")
                continue
            try:
                content = read_below_root(row["image_path"], str(images))
            except UnreadableImage as error:
                faults.append(f"line {number}: {row['image_path']!r}: {error}")
                continue
            cases.append(
                {"image_path": row["image_path"], "label": label, "sha256": hashlib.sha256(content).hexdigest()}
            )
    if faults:
        shown = "\n  ".join(faults[:10])
        raise UsageError(f"{path} has {len(faults)} rows that cannot be used:\n  {shown}")
    if not cases:
        raise UsageError(f"{path} has no rows")
    return cases


def step_of(candidate: str, seeds: Path, labels: list[str]) -> dict:
    """The settings of the step classify for a candidate, as the macro endpoint_settings gives them."""
    model_name, _, prompt_version = candidate.rpartition("/")
    models = {row["model"]: row for row in seed_rows(seeds, "ai_models")}
    prompts = {row["prompt_version"]: row for row in seed_rows(seeds, "ai_prompts")}
    if model_name not in models:
        raise UsageError(f"'{candidate}': ai_models has no model '{model_name}'; it has {', '.join(models)}")
    if prompt_version not in prompts or prompts[prompt_version]["step"] != "classify":
        usable = [name for name, row in prompts.items() if row["step"] == "classify"]
        raise UsageError(f"'{candidate}': there is no classify prompt '{prompt_version}'; there is {', '.join(usable)}")
    model, prompt = models[model_name], prompts[prompt_version]
    if (model.get("is_multimodal") or "").lower() != "true":
        raise UsageError(f"'{candidate}': the model reads text only")
    return {
        "step": "classify",
        "model": model_name,
        "served_as": model["provider_model_id"],
        "prompt_version": prompt_version,
        "prompt_md5": hashlib.md5(json.dumps([prompt["prompt_text"], labels]).encode()).hexdigest(),
        "prompt_text": prompt["prompt_text"],
        "response_schema": "",
        "sends_image": True,
        "labels": labels,
        "actions": [],
        "structured_output": model.get("structured_output") or "",
        "request_options": model.get("request_options") or "",
        "input_price": model["input_price_per_million_tokens"] or "0",
        "output_price": model["output_price_per_million_tokens"] or "0",
        "estimated_input_tokens": int(prompt["estimated_prompt_tokens"] or 0) + int(model["image_tokens"] or 0),
        "estimated_output_tokens": int(prompt["estimated_answer_tokens"] or 0),
        "max_answer_tokens": 512,
    }


def judge(
    candidate: str, cases: list[dict], labels: list[str], arguments: argparse.Namespace, number: int
) -> list[Judged]:
    """Every case through one candidate."""
    from faultline.endpoint.session import Session

    session = Session("", lambda text: print(f"{candidate}: {text}", file=sys.stderr), str(arguments.store))
    limits = {
        "concurrency": arguments.concurrency,
        "requests_per_minute": arguments.requests_per_minute,
        "tokens_per_minute": -1,
        "timeout_seconds": arguments.timeout,
        "max_tries": 5,
        "outage_seconds": 60,
        "calls_per_run": arguments.max_calls,
        "calls_per_day": -1,
        "cost_per_run": -1,
        "cost_per_day": -1,
        "spent": [0, 0, 0.0, 0.0],
    }
    images = {
        "root": str(arguments.images),
        "edge_px": arguments.image_edge,
        "quality": 85,
        "max_pixels": 50_000_000,
        "url_prefix": "",
    }
    try:
        run_id = f"evaluate-{number}-{hashlib.md5(candidate.encode()).hexdigest()[:8]}"
        settings = {
            "run_id": run_id,
            "step": step_of(candidate, arguments.seeds, labels),
            "limits": limits,
            "images": images,
        }
        session.open(json.dumps(settings))
        session.begin("classify", len(cases))
        rows = [
            ("classify", f"case-{index}", case["sha256"], case["image_path"], None) for index, case in enumerate(cases)
        ]
        for row in rows:
            session.submit(*row)
        tally = json.loads(session.drain("classify"))
        if tally["stopped"]:
            raise UsageError(f"{candidate}: {tally['detail']}")
        return [judged_case(case, session.outcome(*row), labels) for case, row in zip(cases, rows, strict=True)]
    except EndpointError as error:
        raise UsageError(str(error)) from None
    except KeyboardInterrupt:
        session.cancel()
        raise
    finally:
        session.close()


def judged_case(case: dict, outcome: dict | None, labels: list[str]) -> Judged:
    answer = read_label(outcome["raw_response"], labels) if outcome and outcome["raw_response"] is not None else None
    return Judged(case["label"], answer, outcome and outcome["latency_ms"], outcome and outcome["cost"])


def read_label(raw_response: str, labels: list[str]) -> str | None:
    """The label in an answer, as the macros bare_answer and normalised_label find it; anything else is none."""
    text = re.sub(r"^\s*```[a-z]*\s|\s*```\s*$", "", raw_response)
    found = re.search(r"\{.*\}", raw_response, re.DOTALL)
    if found:
        try:
            label = json.loads(found[0]).get("label")
            text = label if isinstance(label, str) else ""
        except (ValueError, AttributeError, RecursionError):
            pass
    by_name = {normalised(label): label for label in labels}
    return by_name.get(normalised(text.strip().strip('"')))


# ---- how it is shown


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
        return f"{value.value:.3f}" + (f" [{value.low:.3f}, {value.high:.3f}]" if value.low is not None else "")
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def as_table(report: dict, labels: list[str]) -> str:
    """One column a candidate."""
    names = list(report["candidates"])
    results = list(report["candidates"].values())
    lines = [("", names)]
    for title, key in (
        ("cases", "cases"),
        ("no valid answer", "invalid_or_failed"),
        ("kappa [95 %]", "kappa"),
        ("agreement [95 %]", "agreement"),
        ("escape rate [95 %]", "escape_rate"),
        ("false-alarm rate [95 %]", "false_alarm_rate"),
    ):
        lines.append((title, [as_text(result[key]) for result in results]))
    lines += [(f"recall: {label}", [as_text(result["recall"][label]) for result in results]) for label in labels]
    for title, key in (
        ("cost", "cost"),
        ("latency ms, median", "latency_ms_median"),
        ("latency ms, 95 %", "latency_ms_p95"),
    ):
        lines.append((title, [as_text(result[key]) for result in results]))
    first = max(len(title) for title, _ in lines)
    widths = [max(len(cells[column]) for _, cells in lines) for column in range(len(names))]
    text = "\n".join(
        f"{title:<{first}}  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        for title, cells in lines
    )
    if "paired" in report:
        paired = report["paired"]
        text += (
            f"\n\nOnly the first right: {paired['only_first_right']}, only the second: {paired['only_second_right']}; "
            f"a split like this comes by luck with p = {paired['p_value']:.3f} (McNemar, exact)."
        )
    return text
