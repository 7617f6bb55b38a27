"""`summary`: what the last build holds, in a few lines, and where to look next."""

import argparse
import os
from pathlib import Path

import duckdb

from faultline import UsageError

FIGURES = {
    "inspections": "select count(*) from inspections",
    "  with a defect": "select count(*) from inspections where is_defect",
    "  judged by AI": "select count(*) from inspections where category_source = 'ai'",
    "AI calls made": "select sum(calls_made) from tiering_savings",
    "  answered by the mock, not by a model": """
        select count(*) from (
            select backend from ai_classify_calls
            union all select backend from ai_extract_calls
            union all select backend from ai_diagnose_calls
        ) where backend = 'mock'
    """,
    "AI calls avoided by the tier": "select sum(avoided) from tiering_savings",
    "AI calls pending": "select sum(pending) from tiering_savings",
    "line stops": "select count(distinct stop_id) from line_stop_signals",
    "  lines still stopped": """
        select count(*) from (
            select state from line_stop_signals
            qualify row_number() over (partition by line_id order by state_since desc) = 1
        ) where state <> 'RELEASED'
    """,
    "quarantined rows": "select count(*) from ods_quarantine",
    "field issues (row kept, value refused)": "select count(*) from ods_field_issues",
}

WHERE_TO_LOOK = """\
Where to look next
  make docs                                    every model and column, with lineage, as one HTML file
  .venv/bin/dbt show --profiles-dir profiles --inline "select * from {{ ref('inspections') }}"
                                               the first rows of any table; in place of inspections for instance
    {{ ref('inspections') }}                   each inspection: category, severity, action, and whose word it is
    {{ ref('defect_rates') }}                  defects by line, shift, SKU and hour, with interval
    {{ ref('tiering_savings') }}               AI calls needed, avoided and paid for, by step and day
    {{ ref('ods_quarantine') }}                rows that could not be used, and why
  FAULTLINE_LANDING=... FAULTLINE_IMAGES=...   your own plant in place of the demo (README, "Your own files")\
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database",
        type=Path,
        default=Path(os.environ.get("FAULTLINE_DUCKDB_PATH", "target/faultline.duckdb")),
        help="DuckDB file of the build (default: FAULTLINE_DUCKDB_PATH, else target/faultline.duckdb)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the figures of a built database.

    Raises UsageError where there is no database or it holds no build.
    """
    if not arguments.database.is_file():
        raise UsageError(f"there is no database {arguments.database}: run make build first")
    print()
    with duckdb.connect(str(arguments.database), read_only=True) as connection:
        for name, figure in figures(connection).items():
            print(f"  {name:<40} {'-' if figure is None else format(figure, ','):>9}")
    print(f"\n  {arguments.database}\n\n{WHERE_TO_LOOK}")
    return 0


def figures(connection: duckdb.DuckDBPyConnection) -> dict[str, int | None]:
    """Counts of a build by name; None where the model they come from was not built.

    Raises UsageError where not even the inspections are there.
    """
    counts: dict[str, int | None] = {}
    for name, query in FIGURES.items():
        try:
            counts[name] = int(connection.execute(query).fetchone()[0] or 0)
        except duckdb.CatalogException:
            counts[name] = None
    if counts["inspections"] is None:
        raise UsageError("the database holds no inspections: run dbt build first")
    return counts
