"""`lakehouse-build`: dbt build on Lakehouse, repeated while a failing AI statement is being narrowed down.

One failing picture may fail the statement of its whole batch, and dbt cannot catch an SQL error. The ledger writes down
what it is about to ask, so that the next run asks the rest first and the suspected keys in ever smaller parts. This
command is that next run: it goes on with `dbt retry` as long as nothing but ledgers failed.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from faultline import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", default="lakehouse", help="target of the profile (default: lakehouse)")
    parser.add_argument(
        "--rounds", type=int, default=8, help="dbt runs at most (default: 8, enough for a batch of 4,096)"
    )
    parser.add_argument("--target-path", default="target", help="folder of dbt's artifacts (default: target)")
    parser.add_argument("dbt", nargs=argparse.REMAINDER, help="further arguments of dbt build, after --")


def failed_nodes(target_path: Path) -> list[str]:
    """What failed in the last run, not what was skipped because of it."""
    results = target_path / "run_results.json"
    if not results.is_file():
        return []
    content = json.loads(results.read_text(encoding="utf-8"))
    return [
        result["unique_id"] for result in content["results"] if result["status"] in ("error", "fail", "runtime error")
    ]


def ledgers(target_path: Path) -> set[str]:
    manifest = json.loads((target_path / "manifest.json").read_text(encoding="utf-8"))
    return {key for key, node in manifest["nodes"].items() if node.get("config", {}).get("materialized") == "ai_ledger"}


def run(arguments: argparse.Namespace) -> int:
    if arguments.rounds < 1:
        raise UsageError("--rounds is 1 or more")
    beside = Path(sys.executable).with_name("dbt")
    dbt = str(beside) if beside.exists() else shutil.which("dbt")
    if dbt is None:
        raise UsageError("dbt is not installed beside this Python")
    extra = [word for word in arguments.dbt if word != "--"]
    options = ["--profiles-dir", "profiles", "--target", arguments.target, "--target-path", arguments.target_path]
    command = [dbt, "build", *options, *extra]
    for number in range(1, arguments.rounds + 1):
        code = subprocess.run(command, check=False).returncode
        if code == 0:
            return 0
        failed = failed_nodes(Path(arguments.target_path))
        if not failed or not set(failed) <= ledgers(Path(arguments.target_path)):
            return code
        if number < arguments.rounds:
            print(
                f"An AI statement failed ({', '.join(failed)}); round {number + 1} asks the rest, then smaller parts.",
                flush=True,
            )
            command = [dbt, "retry", *options]
    print(
        f"Still failing after {arguments.rounds} rounds: is the service up? See above and job_history.",
        file=sys.stderr,
    )
    return 1
