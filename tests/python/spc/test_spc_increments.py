"""What is new is charted; what is not stays as it is, to the row."""

import duckdb
import pytest
from charting import CHARTS, chart, make_project, measurement, moments, phase
from conftest import Dbt, minimal_tables, write_csv

TIMES = list(moments(120))
DECISIONS = ("spc_limits", "spc_signals", "spc_judged_phases", "spc_baseline_proposals")
UNTOUCHED, GROWING, STAGED = "L1/P1/untouched", "L1/P1/growing", "L1/P1/staged"


def rows(stream: str, count: int) -> list[dict]:
    return [measurement(stream, at, 10 + (number * 7 % 11) / 10) for number, at in enumerate(TIMES[:count])]


def land(dbt: Dbt, measured: list[dict]) -> None:
    for name, table in {**minimal_tables(), "process_measurements": measured}.items():
        write_csv(dbt.landing / f"{name}.csv", table)


def build(dbt: Dbt) -> None:
    dbt.build("--select", *(f"+{model}" for model in CHARTS), "spc_judged_phases")


@pytest.fixture
def plant(tmp_path) -> Dbt:
    landing = tmp_path / "landing"
    landing.mkdir()
    charts = [chart("i-mr", "characteristic", "i_mr")]
    phases = [phase("i-mr", STAGED), phase("i-mr", STAGED, phase="2", starts_at=TIMES[60])]
    return Dbt(tmp_path, landing, project=make_project(tmp_path, spc_charts=charts, spc_phases=phases))


def mark(dbt: Dbt, stream: str, phase_number: int) -> None:
    """Leave a mark on the rows of a phase that only a new computation would remove."""
    with duckdb.connect(str(dbt.database)) as connection:
        for model in ("spc_points", "spc_signals"):
            connection.execute(
                f"update {model} set chart_id = 'marked' where stream = ? and phase = ?", [stream, phase_number]
            )


def marked(dbt: Dbt) -> set[tuple]:
    return set(dbt.query("select distinct stream, phase from spc_points where chart_id = 'marked'"))


def figures(dbt: Dbt) -> list[tuple]:
    return dbt.query("""
        select stream_id, statistic, point_number, phase, round(value, 9), round(lcl, 9), round(ucl, 9),
            round(standardised_value, 9)
        from spc_points order by all
    """) + dbt.query(
        "select stream_id, statistic, point_number, rule, window_start_point from spc_signals order by all"
    )


def test_only_phases_with_something_new_are_computed(plant):
    land(plant, rows(UNTOUCHED, 50) + rows(GROWING, 50) + rows(STAGED, 80))
    build(plant)
    for stream, number in ((UNTOUCHED, 1), (GROWING, 1), (STAGED, 1), (STAGED, 2)):
        mark(plant, stream, number)

    land(plant, rows(UNTOUCHED, 50) + rows(GROWING, 51) + rows(STAGED, 81))
    build(plant)
    assert marked(plant) == {(UNTOUCHED, 1), (STAGED, 1)}
    assert plant.value(f"select max(point_number) from spc_points where stream = '{GROWING}'") == 51
    grown = figures(plant)

    plant.run("build", "--full-refresh", "--exclude-resource-types", "test", "unit_test", "--select",
              *(f"+{model}" for model in CHARTS), "spc_judged_phases")  # fmt: skip
    assert marked(plant) == set()
    assert grown == figures(plant)


def test_a_late_row_a_changed_value_and_a_vanished_stream(plant):
    land(plant, rows(UNTOUCHED, 50) + rows(GROWING, 50)[:20] + rows(GROWING, 50)[21:] + rows(STAGED, 80))
    build(plant)
    late = rows(GROWING, 50)
    changed = rows(STAGED, 80)
    changed[3]["value"] = "55"
    land(plant, late + changed)
    build(plant)
    assert plant.query("select distinct stream from spc_points order by 1") == [(GROWING,), (STAGED,)]
    assert plant.query(
        f"select subgroup_at from spc_points where stream = '{GROWING}' and point_number = 21 limit 1"
    ) == plant.query(f"select cast('{TIMES[20]}' as timestamp)")
    assert (
        plant.value(f"select count(*) from spc_signals where stream = '{STAGED}' and point_number = 4 and rule = 1")
        == 2
    )


def test_signals_catch_up_after_a_run_that_built_only_the_points(plant):
    land(plant, rows(GROWING, 50))
    build(plant)
    jump = [*rows(GROWING, 50), measurement(GROWING, TIMES[50], 99.0)]
    land(plant, jump)
    plant.build("--select", "+spc_points")
    assert plant.value("select count(*) from spc_signals where point_number = 51") == 0
    plant.build("--select", "spc_signals", "spc_judged_phases")
    assert plant.value("select count(*) from spc_signals where point_number = 51 and rule = 1") == 2


def test_a_phase_that_loses_its_last_signal_keeps_none(plant):
    land(plant, [*rows(GROWING, 50), measurement(GROWING, TIMES[50], 99.0), *rows(UNTOUCHED, 50)])
    build(plant)
    assert plant.value(f"select count(*) from spc_signals where stream = '{GROWING}'") > 0
    mark(plant, UNTOUCHED, 1)

    land(plant, [*rows(GROWING, 50), measurement(GROWING, TIMES[50], 10.5), *rows(UNTOUCHED, 50)])
    build(plant)
    assert marked(plant) == {(UNTOUCHED, 1)}
    assert plant.value(f"select count(*) from spc_points where stream = '{GROWING}' and point_number = 51") == 2
    assert plant.value(f"select count(*) from spc_signals where stream = '{GROWING}' and point_number = 51") == 0


def test_a_proposal_is_approved_by_adding_its_row_to_the_seed(tmp_path):
    """A person pastes the row with a reason: limits of a new phase, the old ones as they were, no proposal left."""
    stream = 'L1/P1/width, "left"'
    landing = tmp_path / "landing"
    landing.mkdir()
    charts = [chart("i-mr", "characteristic", "i_mr", baseline_points="20")]
    dbt = Dbt(tmp_path, landing, project=make_project(tmp_path, spc_charts=charts, spc_phases=[]))
    shifted = [
        measurement(stream, at, (10 if number < 30 else 13) + (number * 7 % 11) / 10)
        for number, at in enumerate(TIMES[:60])
    ]
    land(dbt, shifted)
    models = [f"+{model}" for model in DECISIONS]
    dbt.build("--select", *models)
    before = dbt.query("select phase, level, sigma from spc_limits")
    assert [phase_number for phase_number, *_ in before] == [1]
    ((proposed_at, proposed_level, phase_row),) = dbt.query(
        "select proposed_starts_at, proposed_level, phase_row from spc_baseline_proposals"
    )
    assert str(proposed_at) == TIMES[30]

    decided = phase_row
    for blank, text in (
        ("reason", '"new tool, accepted"'),
        ("decided by", "Ada"),
        ("decided at", "2020-01-20 08:00:00"),
    ):
        assert decided.count(f"<{blank}>") == 1
        decided = decided.replace(f"<{blank}>", text)
    with (dbt.project / "seeds" / "spc_phases.csv").open("a", newline="", encoding="utf-8") as file:
        file.write(decided + "\r\n")  # the end of line of the file, which DuckDB wants to be one and the same
    dbt.build("--select", *models)
    after = dbt.query("select phase, level, sigma, baseline_points, baseline_state from spc_limits order by phase")
    assert [row[:3] for row in after[:1]] == before
    assert after[1][0] == 2
    assert after[1][1] == pytest.approx(proposed_level)
    assert after[1][3] == 30
    assert dbt.query("select * from spc_baseline_proposals") == []
    # Phase 1 loses its later points, so it is computed again; what it had before the change is as it was.
    ranges = "select phase, min(point_number), max(point_number) from spc_points group by phase order by phase"
    assert dbt.query(ranges) == [(1, 1, 30), (2, 31, 60)]
    # No signal of the points that phase 1 had is left.
    step_by_step = figures(dbt)
    dbt.build("--full-refresh", "--select", *models)
    assert step_by_step == figures(dbt)


def test_events_that_become_frequent_are_proposed_from_a_g_chart(tmp_path):
    """Gaps fall to a tenth, far inside the limits of the g chart, which has none below: the new level is their mean."""
    landing = tmp_path / "landing"
    landing.mkdir()
    gaps = [*([30, 80, 5, 120, 55, 10] * 4), *([3, 9, 1, 14, 6, 2] * 5)]
    events, at = [{"good": 0}], iter(moments(len(gaps) + 1))
    events += [{"good": good} for good in gaps]
    samples = [
        {"sampled_at": next(at), "stream": "rare", "sample_size": event["good"] + 1, "defectives": 1, "defects": ""}
        for event in events
    ]
    for name, table in {**minimal_tables(), "attribute_samples": samples}.items():
        write_csv(landing / f"{name}.csv", table)
    charts = [chart("g", "attribute_sample", "g", baseline_points="24", rule_set="limits_only")]
    dbt = Dbt(tmp_path, landing, project=make_project(tmp_path, spc_charts=charts, spc_phases=[]))
    dbt.build("--select", "+spc_signals", "+spc_baseline_proposals")
    assert dbt.value("select count(*) from spc_signals") == 0
    ((direction, changed_at_point, points_since, current_level, proposed_level),) = dbt.query(
        "select direction, changed_at_point, points_since, current_level, proposed_level from spc_baseline_proposals"
    )
    assert (direction, changed_at_point, points_since) == ("down", 25, 30)
    assert (current_level, proposed_level) == (pytest.approx(50), pytest.approx(35 / 6))
