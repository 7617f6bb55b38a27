"""The demo plant's stories surface in money and at the suppliers."""

import json
import subprocess
import sys

import pytest
from conftest import PROJECT, Dbt

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Dbt:
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, PROJECT / "scripts" / "faultline", "simulate", "--out", folder / "plant"]
    subprocess.run(command, check=True, capture_output=True)
    dbt = Dbt(folder, folder / "plant" / "landing", folder / "plant" / "images")
    dbt.build("--select", "+supplier_quality_monthly", "+quality_costs")
    return dbt


def story(demo: Dbt, name: str) -> dict:
    stories = json.loads((demo.landing.parent / "truth" / "stories.json").read_text(encoding="utf-8"))
    return next(one for one in stories if one["story"] == name)


def test_the_bad_lot_tops_its_month_and_only_there(demo):
    bad = story(demo, "bad supplier lot")
    tops = demo.query(
        "select strftime(report_month, '%Y-%m') from supplier_quality_monthly "
        "qualify rank() over (partition by report_month order by ppm desc nulls last) = 1 "
        f"and supplier_id = '{bad['supplier_id']}' order by 1"
    )
    assert tops == [("2026-09",)]
    worst_lot = demo.value(
        "select supplier_lot_id from supplier_escapes where is_escape group by 1 order by count(*) desc limit 1"
    )
    assert worst_lot == bad["supplier_lot_id"]


def test_the_shifted_line_costs_most_in_the_week_of_the_shift(demo):
    shift = story(demo, "process shift")
    weeks = demo.query(
        "select line_id, date_diff('day', cast(? as date), cost_day) // 7 as week, sum(amount) as amount "
        "from failure_costs group by all order by amount desc nulls last".replace("?", f"'{shift['begin'][:10]}'")
    )
    line, week, amount = weeks[0]
    assert (line, week) == (shift["line_id"], 0)
    assert amount > 5 * max(other for name, _, other in weeks if name != line)
