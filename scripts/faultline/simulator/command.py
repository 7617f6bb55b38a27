"""`faultline simulate`: the demo plant, written beside its place and moved there when it is whole."""

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from faultline import UsageError
from faultline.simulator.build import Built, build
from faultline.simulator.timing import Period

MARKER = "faultline-plant.json"  # says that a folder is a simulated plant, and from which options
FORMAT = 1
ANSWERS = "mes_acknowledgements"  # the one landing table that another command writes to: push-actions
ADOPTED = "earlier.csv"  # the simulated answers, once push-actions has moved them into its folder
DEFAULTS = {"seed": 7, "days": 28, "size": 1.0, "start": "2026-09-01"}
MOST_DAYS, LARGEST_SIZE = 3660, 100.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("demo_plant"), help="folder to write (default: demo_plant)")
    parser.add_argument("--seed", type=int, help="whole number >= 0 from which everything random follows (default: 7)")
    parser.add_argument("--days", type=int, help="plant days, each from 06:00 to 06:00 local time (default: 28)")
    parser.add_argument(
        "--size", type=float, help="factor on the number of inspections (default: 1.0, about 200 a day)"
    )
    parser.add_argument("--start", help="local date of the first plant day, YYYY-MM-DD (default: 2026-09-01)")
    parser.add_argument(
        "--append",
        type=int,
        metavar="DAYS",
        help="lengthen the plant in --out by DAYS; its other options stay as they were",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the plant and print what was written.

    Raises UsageError for options that make no sense and for a folder that is not to be touched.
    """
    begin = time.perf_counter()
    out = arguments.out.resolve()
    options = _options(arguments, out)
    _refuse_foreign(out)
    period = Period(date.fromisoformat(options["start"]), options["days"])
    try:
        built = _replace(out, options, period)
    except OSError as error:
        print(f"faultline simulate: cannot write {arguments.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    _report(arguments.out, options, built, time.perf_counter() - begin)
    return 0


def _options(arguments: argparse.Namespace, out: Path) -> dict:
    given = {name: getattr(arguments, name) for name in DEFAULTS if getattr(arguments, name) is not None}
    if arguments.append is None:
        options = DEFAULTS | given
    else:
        if given:
            raise UsageError(
                f"--append keeps the options of the plant in {arguments.out}; leave out --{next(iter(given))}"
            )
        if arguments.append < 1:
            raise UsageError(f"--append must be at least 1 day, not {arguments.append}")
        marker = _marker(out)
        if marker is None:
            raise UsageError(f"--append: there is no simulated plant in {arguments.out}")
        options = {name: marker[name] for name in DEFAULTS}
        options["days"] += arguments.append
    if not 1 <= options["days"] <= MOST_DAYS:
        raise UsageError(f"--days must be 1 to {MOST_DAYS}, not {options['days']}")
    if not (math.isfinite(options["size"]) and 0 < options["size"] <= LARGEST_SIZE):
        raise UsageError(f"--size must be above 0 and at most {LARGEST_SIZE:g}, not {options['size']:g}")
    if options["seed"] < 0:
        raise UsageError(f"--seed must be 0 or more, not {options['seed']}")
    options["start"] = _start(options["start"]).isoformat()
    return options


def _start(text: str) -> date:
    try:
        start = date.fromisoformat(text)
        start - timedelta(days=800), start + timedelta(days=MOST_DAYS + 800)  # a year of receipts lies before it
    except (ValueError, OverflowError):
        raise UsageError(f"--start must be a date such as 2026-09-01, not '{text}'") from None
    return start


def _marker(folder: Path) -> dict | None:
    """The options a simulated plant was made from; None if the folder is no such plant."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return (
        marker
        if isinstance(marker, dict) and marker.get("format") == FORMAT and DEFAULTS.keys() <= marker.keys()
        else None
    )


def _refuse_foreign(out: Path) -> None:
    is_empty_folder = out.is_dir() and not any(out.iterdir())
    if out.exists() and not is_empty_folder and _marker(out) is None:
        raise UsageError(f"{out} exists and is not a simulated plant; it is left as it is. Choose another --out")


def _replace(out: Path, options: dict, period: Period) -> Built:
    """Build beside ``out`` and swap; whatever fails leaves ``out`` as it was."""
    out.parent.mkdir(parents=True, exist_ok=True)
    workplace = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        fresh = workplace / "fresh"
        fresh.mkdir()
        built = build(fresh, options["seed"], period, options["size"])
        (fresh / MARKER).write_text(
            json.dumps({"format": FORMAT, **options}, indent=2) + "\n", encoding="utf-8", newline="\n"
        )
        old = workplace / "old"
        if out.exists():
            out.rename(old)
        try:
            _keep_answers(old / "landing" / ANSWERS, fresh / "landing" / ANSWERS)
            fresh.rename(out)
        except BaseException:
            if old.exists():
                old.rename(out)
            raise
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    return built


def _keep_answers(old: Path, fresh: Path) -> None:
    """What push-actions wrote into the landing stays: without the answers every action would be sent again.

    The files are linked, not copied: a push that is still writing goes on in the same file.
    """
    if not old.is_dir():
        return
    fresh.mkdir()
    fresh.with_suffix(".csv").rename(fresh / ADOPTED)
    for answers in sorted(path for path in old.rglob("*") if path.is_file() and path != old / ADOPTED):
        kept = fresh / answers.relative_to(old)
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(answers, kept)
        except OSError:  # a file system without hard links
            shutil.copy2(answers, kept)


def _report(out: Path, options: dict, built: Built, seconds: float) -> None:
    for table, rows in built.rows_by_table.items():
        print(f"  {table:<28}{rows:>8,} rows")
    answers = out / "landing" / ANSWERS
    if answers.is_dir():
        print(f"  the answers that push-actions wrote are kept: {answers}")
    total = sum(built.rows_by_table.values())
    print(
        f"{out}: {options['days']} days from {options['start']}, seed {options['seed']}: "
        f"{len(built.rows_by_table)} tables, {total:,} rows, {built.picture_files:,} images, {seconds:.1f} s"
    )
