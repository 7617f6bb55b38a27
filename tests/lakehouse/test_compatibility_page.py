"""The compatibility page names every place where the two engines are told different things."""

from __future__ import annotations

import re

from harness import ROOT

MACROS = {path: path.read_text(encoding="utf-8") for path in (ROOT / "macros").rglob("*.sql")}


def shims() -> set[str]:
    """Macros that are dispatched, that stand in for the adapter's or dbt's own, and materializations of our own."""
    text = "\n".join(MACROS.values())
    dispatched = re.findall(r"adapter\.dispatch\('(\w+)'", text)
    overridden = re.findall(r"macro clickzetta__(\w+)", text)
    materializations = re.findall(r"materialization (\w+), adapter='clickzetta'", text)
    instead_of_dbt = re.findall(r"macro (get_fixture_sql|is_incremental)\b", text)
    return {*dispatched, *overridden, *materializations, *instead_of_dbt}


def test_every_shim_stands_on_the_page():
    page = (ROOT / "docs" / "lakehouse.md").read_text(encoding="utf-8")
    table = page[page.index("## Compatibility") : page.index("## Proof")]
    named = set(re.findall(r"`(\w+)`", table))
    assert len(shims()) > 30
    assert shims() - named == set()
