"""`lakehouse-build`: dbt build on Lakehouse, repeated while a failing AI statement is being narrowed down.

One failing picture may fail the statement of its whole batch, and dbt cannot catch an SQL error. The ledger writes down
what it is about to ask and what Lakehouse said, so that the next run asks the rest first and the suspected keys in ever
smaller parts. This command is that next run: it goes on with `dbt retry` as long as an AI statement failed. It stops
where the service itself is at fault, and where round after round brings no answer.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from faultline import UsageError
from faultline.warehouse import PROJECT, Warehouse


@dataclass
class Round:
    """What one dbt run left behind."""

    invocation_id: str
    failed: dict[str, str]  # node -> message; nodes that were skipped because of another are not among them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", default="lakehouse", help="target of the profile (default: lakehouse)")
    parser.add_argument(
        "--rounds", type=int, default=8, help="dbt runs in a row without one answer before giving up (default: 8)"
    )
    parser.add_argument("--profiles-dir", type=Path, default=PROJECT / "profiles", help="folder of profiles.yml")
    parser.add_argument(
        "--target-path",
        type=Path,
        default=Path(os.environ.get("DBT_TARGET_PATH", "target")),
        help="folder of dbt's artifacts (default: DBT_TARGET_PATH, else target)",
    )
    parser.add_argument("dbt", nargs=argparse.REMAINDER, help="further arguments of dbt build, after --")


def read_round(target_path: Path) -> Round | None:
    """The results of the last dbt run in this folder; None where it wrote none."""
    results = PROJECT / target_path / "run_results.json"
    if not results.is_file():
        return None
    content = json.loads(results.read_text(encoding="utf-8"))
    failed = {
        result["unique_id"]: result["message"] or ""
        for result in content["results"]
        if result["status"] in ("error", "fail", "runtime error")
    }
    return Round(content["metadata"]["invocation_id"], failed)


def failed_ledgers(round_: Round, target_path: Path) -> list[dict]:
    """The ledgers whose statement Lakehouse refused. A compile error is none of those: it would come again."""
    manifest = json.loads((PROJECT / target_path / "manifest.json").read_text(encoding="utf-8"))
    nodes = [
        manifest["nodes"][key]
        for key, message in round_.failed.items()
        if key in manifest["nodes"] and not message.startswith("Compilation Error")
    ]
    return [node for node in nodes if node["config"]["materialized"] == "ai_ledger"]


def ask_ledgers(
    arguments: argparse.Namespace, ledgers: list[dict], invocation_id: str
) -> tuple[dict[str, int], list[str]]:
    """How many answers each failing ledger holds, and what the run noted as faults of the service."""
    answers, faults = {}, []
    with Warehouse(arguments.target, arguments.profiles_dir) as warehouse:
        for ledger in ledgers:
            store, errors = (
                warehouse.table(f"{ledger['alias']}_{helper}", ledger["schema"])
                for helper in ("answers_raw", "statement_errors")
            )
            answers[ledger["name"]] = warehouse.rows(f"select count(*) as answers from {store}")[0]["answers"]
            noted = warehouse.rows(
                f"select error from {errors} where is_service_fault and run_id = {warehouse.literal(invocation_id)}"
            )
            faults += [row["error"] for row in noted]
    return answers, faults


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0: everything is built, and bad pictures stand in ai_failures; else that of the last dbt run."""
    if arguments.rounds < 1:
        raise UsageError("--rounds is 1 or more")
    beside = Path(sys.executable).with_name("dbt")
    dbt = str(beside) if beside.exists() else shutil.which("dbt")
    if dbt is None:
        raise UsageError("dbt is not installed beside this Python")
    extra = [word for word in arguments.dbt if word != "--"]
    options = ["--project-dir", str(PROJECT), "--profiles-dir", str(arguments.profiles_dir.resolve())]
    options += ["--target", arguments.target, "--target-path", str(arguments.target_path)]
    command = [dbt, "build", *options, *extra]
    before = read_round(arguments.target_path)
    answers_before: dict[str, int] = {}
    fruitless = 0
    while True:
        code = subprocess.run(command, check=False).returncode
        after = read_round(arguments.target_path)
        # Without results of its own the run never came to a node: what lies there is an older one's.
        if code == 0 or after is None or (before is not None and after.invocation_id == before.invocation_id):
            return code
        ledgers = failed_ledgers(after, arguments.target_path)
        if not ledgers:
            return code
        answers, faults = ask_ledgers(arguments, ledgers, after.invocation_id)
        if faults:
            print(
                f"The AI service is at fault, no picture is: {'; '.join(faults)}. Nothing was given up; mend it and "
                "run this command again.",
                file=sys.stderr,
            )
            return code
        came = any(count > answers_before.get(name, -1) for name, count in answers.items())
        fruitless = 0 if came else fruitless + 1
        if fruitless >= arguments.rounds:
            print(
                f"No answer in {fruitless} runs in a row: is the service up? What Lakehouse said stands above.",
                file=sys.stderr,
            )
            return code
        names = ", ".join(ledger["name"] for ledger in ledgers)
        print(f"An AI statement failed ({names}); the next run asks the rest, then smaller parts.", flush=True)
        before, answers_before = after, {**answers_before, **answers}
        command = [dbt, "retry", *options]
