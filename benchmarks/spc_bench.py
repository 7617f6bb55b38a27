"""How fast are the charts? Normal points through every SPC model, all eight rules of Nelson, beside a Python package.

    python benchmarks/spc_bench.py [--streams 1000] [--points 10000] [--peer-streams 10]

Measured is `dbt run` from the typed measurements to the signals, on a database of its own; reading the landing is not.
The peer is `manufacturing` (MIT) from PyPI, in an environment of its own that is made on demand: its eight control
rules on the first streams of the same data, in one process. Its rules are not quite ours (its zone A rule wants three
of three points): compare the speed, not the hits.
"""

import argparse
import csv
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from peers import run_peer

PROJECT = Path(__file__).resolve().parents[1]
KEPT = ("dbt_project.yml", "profiles", "models", "macros", "seeds", "tests", "scripts")
MODELS = "spc_measurements+,+spc_judged_phases"  # from typed measurements to signals, and what they are judged by
NORMAL = "sqrt(-2 * ln(({a} >> 11) / 9007199254740992.0 + 1e-17)) * cos(2 * pi() * (({b} >> 11) / 9007199254740992.0))"


def make_project(folder: Path) -> Path:
    """A copy of the project with one chart: individuals, all rules of Nelson, the first 100 points as baseline."""
    project = folder / "project"
    project.mkdir()
    for name in KEPT:
        source = PROJECT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, project / name)
    path = project / "seeds" / "spc_charts.csv"
    with path.open(encoding="utf-8") as file:
        columns = next(csv.reader(file))
    row = {
        "chart_id": "bench", "source": "characteristic", "split_by": "line_id sku_id", "subgroup": "as_delivered",
        "chart_type": "auto", "k": 3, "rule_set": "nelson", "baseline_points": 100, "minimum_baseline_points": 20,
        "is_enabled": "true", "description": "bench",
    }  # fmt: skip
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerow(row)
    return project


def dbt(project: Path, folder: Path, *words: str) -> float:
    """Run dbt and return the seconds it took."""
    environment = {
        **os.environ,
        "FAULTLINE_LANDING": "/nonexistent",
        "FAULTLINE_DUCKDB_PATH": str(folder / "bench.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", *words, "--project-dir", str(project),
               "--profiles-dir", str(project / "profiles")]  # fmt: skip
    begin = time.perf_counter()
    subprocess.run(command, env=environment, check=True, cwd=folder)
    return time.perf_counter() - begin


def generate(database: Path, streams: int, points: int) -> None:
    """Fill the measurements: a hash of stream and point makes the values, so every run has the same."""
    value = NORMAL.format(a="hash(n * 2 + 1)", b="hash(n * 2 + 2)")
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"""
            insert into ods_process_measurements (measured_at, line_id, sku_id, characteristic, subgroup_id, value)
            select timestamp '2020-01-01' + to_minutes(cast(n % {points} as bigint)), 'L1',
                'P' || (n // {points}), 'width',
                cast(n % {points} as varchar), 10 + {value}
            from range({streams * points}) as numbers(n)
        """)


PEER_PACKAGES = ["manufacturing==1.6.0"]
PEER_SCRIPT = """
    import json, sys, time
    import pandas
    from manufacturing import analysis

    RULES = ("beyond_limits", "zone_a", "zone_b", "zone_c", "zone_mixture", "zone_stratification", "zone_overcontrol")
    series = [group["value"].reset_index(drop=True) for _, group in pandas.read_csv(sys.argv[1]).groupby("sku_id")]
    begin = time.perf_counter()
    for values in series:
        centre, sigma = values[:100].mean(), values[:100].diff().abs().mean() / 1.128
        limits = {"upper_control_limit": centre + 3 * sigma, "lower_control_limit": centre - 3 * sigma}
        for rule in RULES:
            getattr(analysis, f"control_{rule}")(values, **limits)
        analysis.control_zone_trend(values)
    print(json.dumps({"points_per_second": sum(map(len, series)) / (time.perf_counter() - begin)}))
"""


def peer_rate(folder: Path, streams: int) -> float:
    """Points per second of the peer on the first streams; RuntimeError where it cannot be installed or run."""
    values = folder / "values.csv"
    with duckdb.connect(str(folder / "bench.duckdb"), read_only=True) as connection:
        connection.execute(f"""
            copy (
                select sku_id, value from ods_process_measurements
                where cast(substr(sku_id, 2) as bigint) < {int(streams)}
                order by sku_id, measured_at
            ) to '{values}' (header)
        """)
    return run_peer("manufacturing", PEER_PACKAGES, PEER_SCRIPT, values)["points_per_second"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--peer-streams", type=int, default=10)
    options = parser.parse_args()
    total = options.streams * options.points
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = make_project(folder)
        dbt(project, folder, "seed")
        dbt(project, folder, "run", "--empty", "--select", "+spc_judged_phases")
        generate(folder / "bench.duckdb", options.streams, options.points)
        seconds = dbt(project, folder, "run", "--full-refresh", "--select", MODELS)  # as the first build does it
        results = json.loads((folder / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
        again = dbt(project, folder, "run", "--select", "spc_points", "spc_signals", "spc_judged_phases")
        print(
            f"{platform.machine()}, {os.cpu_count()} CPUs, DuckDB {duckdb.__version__}; "
            f"{total:,} points in {options.streams:,} streams"
        )
        for result in results:
            print(f"  {result['unique_id'].split('.')[-1]:26}{result['execution_time']:8.1f} s")
        print(f"all models {seconds:.1f} s: {total / seconds:,.0f} points per second (dbt's own start included)")
        print(f"points and signals again with nothing new: {again:.1f} s")
        with duckdb.connect(str(folder / "bench.duckdb"), read_only=True) as connection:
            print(f"signals: {connection.execute('select count(*) from spc_signals').fetchone()[0]:,}")
        try:
            rate = peer_rate(folder, options.peer_streams)
            print(f"peer `manufacturing` on {options.peer_streams} streams: {rate:,.0f} points per second")
        except (RuntimeError, OSError) as error:
            print(f"peer `manufacturing` skipped: {error}")


if __name__ == "__main__":
    main()
