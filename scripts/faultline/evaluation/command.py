"""`evaluate`: a labelled set through two models or prompts, side by side, before one is switched on.

    export FAULTLINE_AI_BASE_URL=http://127.0.0.1:8000/v1
    dbt run-operation export_labelled_set --args '{file: reviewed.csv}'
    python scripts/faultline evaluate --labelled reviewed.csv --images images \\
        --candidate qwen2.5-vl-local/classify-v1 --candidate qwen3-vl-plus/classify-v1

Models and prompts are rows of the seeds ai_models and ai_prompts; the prompt says which step is evaluated. Columns of
the labelled set: image_path and label (classify, extract), severity (extract, where known), action and root_cause_code
(where known) and the values that the prompt asks for (diagnose). Answers are kept in a store of their own (--store): a
second evaluation of the same asks nothing again, and one that was interrupted goes on.
"""

import argparse
import json
import math
import os
import sys
import uuid
from pathlib import Path

from faultline import UsageError
from faultline.endpoint import EndpointError
from faultline.endpoint.images import ImageSettings
from faultline.evaluation.agreement import mcnemar, percentile
from faultline.evaluation.comparisons import comparisons_of, figures, human_answers, machine_answers
from faultline.evaluation.labelled import Case, read_cases
from faultline.evaluation.seeds import Seeds
from faultline.evaluation.table import as_plain, as_table

PROJECT = Path(__file__).resolve().parents[3]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--labelled", required=True, type=Path, help="CSV with what people said")
    parser.add_argument(
        "--images",
        default=os.environ.get("FAULTLINE_IMAGES", ""),
        help="folder that the image paths start from (default: FAULTLINE_IMAGES)",
    )
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
    parser.add_argument("--max-calls", type=int, default=-1, help="most calls of each candidate now; -1 = no limit")
    parser.add_argument("--max-cost", type=float, default=-1, help="most money of each candidate now; -1 = no limit")
    parser.add_argument("--max-answer-tokens", type=int, default=512, help="sent as max_tokens")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one answer")
    parser.add_argument(
        "--image-edge", type=int, default=1024, help="longer edge of the pictures that are sent, in pixels"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")


def run(arguments: argparse.Namespace) -> int:
    if len(arguments.candidate) > 2 or len(set(arguments.candidate)) < len(arguments.candidate):
        raise UsageError("give one --candidate, or two that differ")
    seeds = Seeds(arguments.seeds)
    steps = {name: seeds.step_of(name, arguments.max_answer_tokens) for name in arguments.candidate}
    if len({step["step"] for step in steps.values()}) > 1:
        raise UsageError("the prompts of the candidates belong to different steps")
    for name, step in steps.items():
        if arguments.max_cost >= 0 and not (step["input_price"] and step["output_price"]):
            raise UsageError(f"--max-cost is set, but ai_models has no price for '{name}'")
    images = ImageSettings(str(arguments.images), arguments.image_edge)
    if any(step["sends_image"] for step in steps.values()) and not os.path.isdir(images.root):
        raise UsageError(f"there is no folder of images '{images.root}': give --images or set FAULTLINE_IMAGES")
    cases = read_cases(arguments.labelled, list(steps.values()), images, seeds)
    try:
        answers = {name: ask(name, step, cases, images, arguments) for name, step in steps.items()}
    except KeyboardInterrupt:
        print("\nfaultline evaluate: interrupted; what was received is kept", file=sys.stderr)
        return 130
    report = compare(steps, cases, answers, seeds)
    report = {"labelled": str(arguments.labelled), **report}
    print(as_table(report))
    if arguments.json:
        text = json.dumps(as_plain(report), indent=2, ensure_ascii=False, allow_nan=False)
        arguments.json.write_text(text + "\n", encoding="utf-8")
        print(f"\nFigures in {arguments.json}")
    return 0


def ask(name: str, step: dict, cases: list[Case], images: ImageSettings, arguments: argparse.Namespace) -> list:
    """The outcome of every case for one candidate."""
    from faultline.endpoint.session import Session

    session = Session("", lambda text: print(f"{name}: {text}", file=sys.stderr), str(arguments.store))
    limits = {
        "concurrency": arguments.concurrency,
        "requests_per_minute": arguments.requests_per_minute,
        "tokens_per_minute": -1,
        "timeout_seconds": arguments.timeout,
        "max_tries": 5,
        "outage_seconds": 60,
        "calls_per_run": arguments.max_calls,
        "calls_per_day": -1,
        "cost_per_run": arguments.max_cost,
        "cost_per_day": -1,
        "spent": [0, 0, 0.0, 0.0],
    }
    settings = {"run_id": f"evaluate-{uuid.uuid4()}", "step": step, "limits": limits, "images": images._asdict()}
    questions = [case.question(step) for case in cases]
    try:
        session.open(json.dumps(settings))
        session.begin(step["step"], len(set(questions)))
        for question in questions:
            session.submit(*question)
        tally = json.loads(session.drain(step["step"]))
        outcomes = [session.outcome(*question) for question in questions]
        if tally["stopped"]:
            kept = sum(outcome is not None for outcome in outcomes)
            raise UsageError(
                f"{name}: {tally['detail']}; {kept} of {len(cases)} cases are answered: run it again to go on"
            )
        return outcomes
    except EndpointError as error:
        raise UsageError(str(error)) from None
    except KeyboardInterrupt:
        session.cancel()
        raise
    finally:
        session.close()


def compare(steps: dict[str, dict], cases: list[Case], answers: dict[str, list], seeds: Seeds) -> dict:
    """Every figure of every candidate, and where there are two of them, the one against the other."""
    step = next(iter(steps.values()))["step"]
    human = [human_answers(step, case.row, seeds) for case in cases]
    comparisons = [
        comparison for comparison in comparisons_of(step, seeds) if any(said[comparison.name] for said in human)
    ]
    candidates, right = {}, {}
    for name, outcomes in answers.items():
        raw = [outcome and outcome["raw_response"] for outcome in outcomes]
        machine = [
            machine_answers(step, response, case.row.get("label"), seeds)
            for response, case in zip(raw, cases, strict=True)
        ]
        compared = {}
        for comparison in comparisons:
            pairs = [
                (said[comparison.name], answered and answered[comparison.name])
                for said, answered in zip(human, machine, strict=True)
                if said[comparison.name]
            ]
            compared[comparison.name] = figures(comparison, pairs)
            right.setdefault(comparison.name, []).append([said == answered for said, answered in pairs])
        names = [case.question(steps[name])[1] for case in cases]
        candidates[name] = {
            "comparisons": compared,
            "failed": sum(response is None for response in raw),
            "invalid": sum(
                response is not None and answered is None for response, answered in zip(raw, machine, strict=True)
            ),
            **spent(steps[name], dict(zip(names, outcomes, strict=True))),
        }
    report = {"step": step, "candidates": candidates}
    if len(candidates) == 2:
        report["paired"] = {
            name: dict(zip(("only_first_right", "only_second_right", "p_value"), mcnemar(*both), strict=True))
            for name, both in right.items()
        }
    return report


def spent(step: dict, outcomes: dict[str, dict | None]) -> dict:
    """Money and time of the questions that were asked, each once however many rows have it."""
    known = [outcome for outcome in outcomes.values() if outcome]
    latencies = [outcome["latency_ms"] for outcome in known if outcome["latency_ms"] is not None]
    has_price = bool(step["input_price"] and step["output_price"])
    cost = math.fsum(outcome["cost"] or 0.0 for outcome in known) if has_price else None
    return {
        "questions": len(outcomes),
        "cost": cost,
        "cost_per_1000_questions": None if cost is None else 1000 * cost / len(outcomes),
        "currency": step["currency"] if has_price else None,
        "latency_ms_median": percentile(latencies, 0.5),
        "latency_ms_p95": percentile(latencies, 0.95),
    }
