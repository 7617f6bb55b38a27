"""Supplier and cost figures of the plant of real public data, and a report of it."""

import csv
import json
import math
import os
import re
import subprocess
import sys

import pytest
from conftest import PROJECT, REAL_PLANT, Dbt
from test_real_plant import VARIABLES

pytestmark = pytest.mark.skipif(not (REAL_PLANT / "landing").is_dir(), reason="the real plant is not here")


@pytest.fixture(scope="module")
def plant(tmp_path_factory) -> Dbt:
    dbt = Dbt(tmp_path_factory.mktemp("real"), REAL_PLANT / "landing", REAL_PLANT / "images", VARIABLES)
    dbt.build("--select", "+supplier_quality_monthly", "+supplier_defect_pareto", "+quality_cost_summary")
    return dbt


def expected(name: str) -> list[dict]:
    with (REAL_PLANT / "expected" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def same(actual: float | None, wanted: str) -> bool:
    if not wanted or actual is None:
        return not wanted and actual is None
    return math.isclose(actual, float(wanted), rel_tol=1e-9, abs_tol=1e-12)


def test_suppliers_by_month(plant):
    found = {
        (supplier, month): rest
        for supplier, month, *rest in plant.query(
            "select supplier_id, strftime(report_month, '%Y-%m'), receipts, receipts_not_judged, quantity_received, "
            "coalesce(quantity_rejected, 0), coalesce(quantity_judged, 0), ppm_of_all_received, ppm "
            "from supplier_quality_monthly where receipts > 0"
        )
    }
    wanted = expected("supplier_month")
    assert {(row["supplier_id"], row["month"]) for row in wanted} == set(found)
    for row in wanted:
        *counts, all_received, judged = found[row["supplier_id"], row["month"]]
        names = ("receipts", "not_yet_judged", "received", "rejected", "received_judged")
        assert counts == [int(float(row[name])) for name in names], row
        assert same(judged, row["ppm_of_judged"]), row
        if float(row["rejected"]) or not float(row["not_yet_judged"]):
            assert same(all_received, row["ppm_of_all_received"]), row


def test_suppliers_by_year_to_date_are_ratios_of_sums(plant):
    found = dict(
        plant.query(
            "select supplier_id, ppm_year_to_date from supplier_quality_monthly where report_month = date '2013-12-01'"
        )
    )
    wanted = {row["supplier_id"]: row["ppm_of_judged"] for row in expected("supplier_year")}
    assert set(found) == set(wanted)
    assert [supplier for supplier in wanted if not same(found[supplier], wanted[supplier])] == []


def test_months_without_receipts_are_unknown(plant):
    assert (
        plant.value(
            "select count(*) from supplier_quality_monthly where receipts = 0 and coalesce(ppm, score) is not null"
        )
        == 0
    )
    assert plant.value("select count(*) from supplier_quality_monthly where receipts = 0") > 0


def test_booked_costs_by_month_category_and_currency(plant):
    found = {
        tuple(key): (events, amount)
        for *key, events, amount in plant.query(
            "select strftime(cost_month, '%Y-%m'), cost_category, original_currency, sum(events), sum(original_amount) "
            "from quality_costs where cost_origin = 'booked' group by all"
        )
    }
    wanted = {
        (row["month"], row["category"], row["currency"]): (int(row["entries"]), float(row["amount"]))
        for row in expected("quality_costs")
    }
    assert set(found) == set(wanted)
    for key, (entries, amount) in wanted.items():
        assert found[key][0] == entries, key
        assert math.isclose(found[key][1], amount, abs_tol=1e-6), key


def test_a_currency_without_a_rate_is_shown_apart(plant):
    assert plant.query(
        "select cost_level, amount from quality_cost_summary where dimension = 'plant' and currency = 'EUR' order by 1"
    ) == [("all_quality", 300.0), ("appraisal", 300.0)]


def report(plant: Dbt, *words: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "FAULTLINE_LANDING": str(plant.landing),
        "FAULTLINE_IMAGES": str(plant.images),
        "FAULTLINE_DUCKDB_PATH": str(plant.database),
        "DBT_LOG_PATH": str(plant.folder / "logs"),
    }
    return subprocess.run(
        [
            sys.executable,
            str(PROJECT / "scripts" / "faultline"),
            "supplier-report",
            *words,
            "--vars",
            json.dumps(VARIABLES),
        ],
        env=environment,
        cwd=plant.folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_report_shows_its_figures_with_what_they_are_made_of(plant):
    done = report(plant, "V0014", "2013-12", "--out", "reports")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = plant.folder / "reports"
    page = (folder / "supplier-V0014-2013-12-draft.html").read_text(encoding="utf-8")
    (row,) = [r for r in expected("supplier_month") if (r["supplier_id"], r["month"]) == ("V0014", "2013-12")]
    rejected, judged = f"{int(float(row['rejected'])):,}", f"{int(float(row['received_judged'])):,}"
    assert re.search(rf"<b>{float(row['ppm_of_judged']):,.0f}</b>\s*<small>{rejected} of {judged} parts", page)
    assert page.count("data:image/jpeg;base64,") == 6
    assert "<script" not in page
    pdf = (folder / "supplier-V0014-2013-12-draft.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/Subtype/Image" in pdf.replace(b" ", b"")


def test_an_approved_report_says_by_whom_and_texts_stay_texts(plant):
    done = report(plant, "V0160", "2013-12", "--out", "reports", "--no-pdf", "--approved-by", "<b>QE & Co</b>")
    assert done.returncode == 0, done.stdout + done.stderr
    page = (plant.folder / "reports" / "supplier-V0160-2013-12-approved.html").read_text(encoding="utf-8")
    assert "approved by &lt;b&gt;QE &amp; Co&lt;/b&gt;" in page


@pytest.mark.parametrize(
    "words", [("V0014", "2011-01"), ("nobody", "2013-12"), ("V0014", "12/2013"), ("' or 1=1 --", "2013-12")]
)
def test_a_report_of_nothing_is_refused(plant, words):
    done = report(plant, *words)
    assert done.returncode == 2
    assert "faultline supplier-report:" in done.stderr
