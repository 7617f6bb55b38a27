"""Row order, files and degenerate input: the same charts, or none and a reason; never an error, never NaN."""

import math
import random

import pytest
from charting import CHARTS, chart, charted_plant, make_project, measurement, moments, phase
from conftest import Dbt, minimal_tables, write_csv

CHARTED = {
    "spc_charts": [
        chart("counted", "attribute_sample", "auto"),
        chart("p-prime", "attribute_sample", "p_prime"),
        chart("g", "attribute_sample", "g"),
        chart("t", "attribute_sample", "t"),
        chart("measured", "characteristic", "auto"),
        chart("ewma", "characteristic", "ewma", smoothing="0.2"),
        chart("cusum", "characteristic", "cusum", cusum_allowance="0.5", cusum_decision="5"),
        chart("fives", "characteristic", "auto", subgroup="count", subgroup_size="5"),
    ]
}


def counted(stream: str, at: str, size: float | str, defectives: int | str = "", defects: int | str = "") -> dict:
    return {"sampled_at": at, "stream": stream, "sample_size": size, "defectives": defectives, "defects": defects}


def ordinary_rows() -> tuple[list[dict], list[dict]]:
    """A share with varying size, defects, single values and subgroups of varying size."""
    dice = random.Random(5)
    samples, measured = [], []
    for at in moments(60):
        samples.append(counted("share", at, dice.randint(40, 120), dice.randint(0, 9)))
        samples.append(counted("spots", at, 12.5, "", dice.randint(0, 7)))
        samples.append(counted("rare", at, 50, 1 if dice.random() < 0.3 else 0))
        measured.append(measurement("L1/P1/width", at, round(dice.gauss(10, 0.1), 4)))
        measured += [
            measurement("L1/P1/depth", f"{at[:-2]}{second:02d}", round(dice.gauss(5, 0.2), 4), at)
            for second in range(dice.randint(1, 6))
        ]
    return samples, measured


def everything(dbt: Dbt) -> dict[str, list[tuple]]:
    """All charts of a plant, figures to 12 digits: sums differ in the last bit with the order of rows."""
    found = {}
    for model, key in (("spc_points", "stream_id, statistic, point_number"), ("spc_limits", "stream_id, phase"),
                       ("spc_signals", "stream_id, statistic, point_number, rule")):  # fmt: skip
        rows = dbt.query(f"select * from {model} order by {key}")
        found[model] = [tuple(float(f"{x:.12g}") if isinstance(x, float) else x for x in row) for row in rows]
    return found


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory) -> dict[str, list[tuple]]:
    samples, measured = ordinary_rows()
    return everything(
        charted_plant(
            tmp_path_factory.mktemp("ordinary"), CHARTED, attribute_samples=samples, process_measurements=measured
        )
    )


def assert_same(found: dict[str, list[tuple]], expected: dict[str, list[tuple]]) -> None:
    for model, rows in expected.items():
        assert len(found[model]) == len(rows) > 0, model
        for have, want in zip(found[model], rows, strict=True):
            for left, right in zip(have, want, strict=True):
                if isinstance(left, float) and isinstance(right, float):
                    assert math.isclose(left, right, rel_tol=1e-11, abs_tol=1e-11), (model, have, want)
                else:
                    assert left == right, (model, have, want)


def test_the_order_of_rows_does_not_matter(ordinary, tmp_path):
    samples, measured = ordinary_rows()
    random.Random(1).shuffle(samples)
    measured.reverse()
    assert_same(
        everything(charted_plant(tmp_path, CHARTED, attribute_samples=samples, process_measurements=measured)), ordinary
    )


def test_a_stream_split_over_files_is_the_same_stream(ordinary, tmp_path):
    samples, measured = ordinary_rows()
    landing = tmp_path / "landing"
    landing.mkdir()
    for name, rows in minimal_tables().items():
        write_csv(landing / f"{name}.csv", rows)
    for name, rows in (("attribute_samples", samples), ("process_measurements", measured)):
        (landing / name).mkdir()
        for part in range(3):
            write_csv(landing / name / f"part-{3 - part}.csv", rows[part::3])
    dbt = Dbt(tmp_path, landing, project=make_project(tmp_path, **CHARTED))
    dbt.build("--select", *(f"+{model}" for model in CHARTS))
    assert_same(everything(dbt), ordinary)


@pytest.fixture(scope="module")
def degenerate(tmp_path_factory) -> Dbt:
    times = list(moments(40))
    samples = [
        counted("one_point", times[0], 50, 2),
        *(counted("all_zero", at, 50, 0) for at in times),
        *(counted("all_defective", at, 50, 50) for at in times),
        *(counted("no_sample", at, 0, 0) for at in times[:5]),
        *(counted("no_sample", at, 50, 1 + number % 3) for number, at in enumerate(times[5:])),
        *(counted("not_counted", at, 50, "", "") for at in times[:5]),
        *(counted("now_and_then", at, 50, 1 + number % 3 if number % 2 else "", "" if number % 2 else 3)
          for number, at in enumerate(times)),
        *(counted("two_at_once", at, 50, 2) for at in times),
        *(counted("events", at, 1, int(number % 7 == 0)) for number, at in enumerate(times)),
        *(counted("few_defects", at, 1, "", 0) for at in times),
    ]  # fmt: skip
    measured = [
        measurement("L1/P1/one_value", times[0], 3.5),
        *(measurement("L1/P1/two_values", at, value) for at, value in zip(times, (1.0, 2.0), strict=False)),
        *(measurement("L1/P1/all_equal", at, 7.25) for at in times),
        *(measurement("L1/P1/all_equal_groups", at, 7.25, times[n // 4]) for n, at in enumerate(times)),
        *(measurement("L1/P1/not_a_number", at, x) for at, x in zip(times, ("NaN", "inf", "", "x"), strict=False)),
        *(measurement("L1/P1/with_gaps", at, 5 + (number % 5) / 10) for number, at in enumerate(times) if number % 9),
        *(measurement("L1/P1/huge", at, (1e300 if n == 7 else 1e90) * (1 + n % 3)) for n, at in enumerate(times)),
        *(measurement("L1/P1/thirty", f"{times[n // 30][:-2]}{n % 30:02d}", math.sin(n), times[n // 30])
          for n in range(600)),
    ]  # fmt: skip
    seeds = {**CHARTED, "spc_charts": [*CHARTED["spc_charts"], chart("xbar-r", "characteristic", "xbar_r")]}
    characteristics = [
        {"sku_id": "P1", "characteristic": name, "lower_spec": "1", "target": "5", "upper_spec": "9", "unit": "mm"}
        for name in ("one_value", "two_values", "all_equal", "with_gaps", "huge")
    ]
    return charted_plant(
        tmp_path_factory.mktemp("degenerate"),
        seeds,
        attribute_samples=samples,
        process_measurements=measured,
        characteristics=characteristics,
    )


def test_no_figure_is_not_a_number(degenerate):
    for model in CHARTS:
        doubles = [
            name for name, kind, *_ in degenerate.query(f"select column_name, column_type from (describe {model})")
            if kind in ("DOUBLE", "FLOAT")
        ]  # fmt: skip
        assert doubles
        bad = degenerate.value(
            f"select count(*) from {model} where {' or '.join(f'not isfinite({x})' for x in doubles)}"
        )
        assert bad == 0, model


def test_a_point_has_limits_or_a_reason(degenerate):
    assert degenerate.value("select count(*) from spc_points") > 500
    silent = degenerate.query("""
        select * from spc_points
        where limit_reason is null and (ucl is null or standardised_value is null or value is null)
    """)
    assert silent == []
    both = degenerate.query(
        "select * from spc_points where limit_reason is not null and standardised_value is not null"
    )
    assert both == []


@pytest.mark.parametrize(
    ("stream_id", "reason"),
    [
        ("counted/all_zero", "no spread in the baseline"),
        ("counted/all_defective", "no spread in the baseline"),
        ("counted/few_defects", "no spread in the baseline"),
        ("counted/one_point", None),
        ("p-prime/all_defective", "no spread in the baseline"),
        ("p-prime/one_point", "no two baseline points in a row"),
        ("p-prime/few_defects", "no baseline point"),
        ("measured/L1/P1/one_value", "no two baseline points in a row"),
        ("measured/L1/P1/two_values", None),
        ("measured/L1/P1/all_equal", "no spread in the baseline"),
        ("measured/L1/P1/all_equal_groups", "no spread in the baseline"),
        ("measured/L1/P1/thirty", None),
        ("measured/L1/P1/huge", None),
        ("xbar-r/L1/P1/thirty", "no range constants beyond 25 values"),
        ("xbar-r/L1/P1/with_gaps", "no baseline subgroup of two values"),
        ("ewma/L1/P1/all_equal", "no spread in the baseline"),
        ("cusum/L1/P1/one_value", "no two baseline points in a row"),
        ("g/events", None),
        ("t/events", "no spread in the baseline"),
        ("g/two_at_once", "no baseline point"),
    ],
)
def test_why_there_are_no_limits(degenerate, stream_id, reason):
    assert degenerate.query(f"select limit_reason from spc_limits where stream_id = '{stream_id}'") == [(reason,)]


def test_samples_of_nothing_are_no_points_but_are_reported(degenerate):
    assert degenerate.value("select count(*) from spc_points where stream_id = 'counted/no_sample'") == 35
    assert degenerate.value("select count(*) from checked_attribute_samples where row_status = 'quarantined'") == 10
    assert degenerate.query("select * from spc_streams where stream = 'not_counted'") == []
    assert degenerate.query("select * from spc_streams where item = 'not_a_number'") == []


def test_a_row_without_the_count_of_its_stream_is_a_gap(degenerate):
    found = degenerate.query("""
        select limit_reason, count(*), count(value) from spc_points
        where stream_id = 'counted/now_and_then' group by 1 order by 1
    """)
    assert found == [("no value", 20, 0), (None, 20, 20)]


def test_an_absurd_value_is_a_gap(degenerate):
    found = degenerate.query(
        "select point_number, limit_reason from spc_points where stream_id = 'measured/L1/P1/huge' and value is null"
    )
    assert found == [(8, "no value")]


def test_gaps_between_events_count_the_good_units_between(degenerate):
    """Events at every seventh unit: six good units between two of them."""
    values = degenerate.query("select distinct value, centre_line, lcl from spc_points where stream_id = 'g/events'")
    assert values == [(6, 6, 0)]
    assert degenerate.value("select ucl from spc_points where stream_id = 'g/events' limit 1") == pytest.approx(
        6 + 3 * 42**0.5
    )


def test_fixed_counts_leave_out_what_is_not_full_yet(degenerate):
    """35 values with gaps: seven points of five; two values: none."""
    sizes = degenerate.query(
        "select sample_size, count(*) from spc_subgroups where stream_id = 'fives/L1/P1/with_gaps' group by 1"
    )
    assert sizes == [(5, 7)]
    assert degenerate.query("select * from spc_subgroups where stream_id = 'fives/L1/P1/two_values'") == []


def test_capability_says_why_it_is_missing(degenerate):
    reasons = dict(
        degenerate.query("select stream, capability_reason from process_capability where chart_id = 'measured'")
    )
    assert reasons["L1/P1/one_value"] == "no two baseline points in a row"
    assert reasons["L1/P1/all_equal"] == "no spread in the baseline"
    assert reasons["L1/P1/with_gaps"] is None


@pytest.fixture(scope="module")
def staged(tmp_path_factory) -> Dbt:
    """200 points in three stages: as charted, with a baseline window of its own, with limits decided upon."""
    times = list(moments(200))
    rows = [
        measurement("L1/P1/width", at, 10 + (number >= 80) * 2 + (number % 4) / 10) for number, at in enumerate(times)
    ]
    row = {"chart_id": "i-mr", "stream": "L1/P1/width"}
    phases = [
        phase(**row, baseline_points="20"),
        phase(**row, phase="2", starts_at=times[80], baseline_starts_at=times[90], baseline_ends_at=times[109]),
        phase(**row, phase="3", starts_at=times[150], centre_line="12.15", sigma="0.25"),
        phase(**row, entry="exclusion", starts_at=times[4], ends_at=times[5], reason="gauge broken"),
    ]
    charts = [chart("i-mr", "characteristic", "i_mr"), chart("ewma", "characteristic", "ewma", smoothing="0.4")]
    return charted_plant(
        tmp_path_factory.mktemp("staged"), {"spc_charts": charts, "spc_phases": phases}, process_measurements=rows
    )


def test_every_stage_has_limits_of_its_own(staged):
    found = staged.query("""
        select phase, points, baseline_points, baseline_state, round(level, 9), round(sigma * 1.128, 9) from spc_limits
        where chart_id = 'i-mr' order by phase
    """)
    assert [row[:4] for row in found] == [(1, 80, 18, "complete"), (2, 70, 20, "complete"), (3, 50, 0, "decided")]
    assert found[1][4] == pytest.approx(12.15)
    assert found[2][4:] == (12.15, pytest.approx(0.25 * 1.128))


def test_excluded_points_are_judged_but_do_not_set_limits(staged):
    found = staged.query("""
        select point_number, exclusion_reason, is_baseline, value is not null, ucl is not null from spc_points
        where chart_id = 'i-mr' and statistic = 'x' and exclusion_reason is not null order by 1
    """)
    assert found == [(5, "gauge broken", False, True, True), (6, "gauge broken", False, True, True)]


def test_no_window_and_no_moving_range_crosses_a_stage(staged):
    first_ranges = "select phase, min(point_number) from spc_points where statistic = 'mr' group by 1 order by 1"
    assert staged.query(first_ranges) == [
        (1, 2), (2, 82), (3, 152),
    ]  # fmt: skip
    crossing = staged.query("""
        select * from spc_signals
        inner join spc_points as starts
            on spc_signals.stream_id = starts.stream_id and spc_signals.statistic = starts.statistic
            and spc_signals.window_start_point = starts.point_number
        where starts.phase <> spc_signals.phase
    """)
    assert crossing == []


BAD_CHARTS = {
    "narrow": {"k": "0"},
    "no-count": {"subgroup": "count"},
    "no-lot": {"subgroup": "lot"},
    "unknown-dimension": {"split_by": "line_id colour"},
    "measured-share": {"chart_type": "p"},
    "no-smoothing": {"chart_type": "ewma"},
    "over-smoothing": {"chart_type": "ewma", "smoothing": "1.5"},
    "half-a-cusum": {"chart_type": "cusum", "cusum_allowance": "0.5"},
    "no-baseline": {"baseline_points": "0"},
}
BAD_DECISIONS = {
    "not in order": [{"phase": "2"}, {"phase": "1", "starts_at": "2020-01-02 00:00:00"}],
    "at one time": [{"starts_at": "2020-01-02 00:00:00"}, {"phase": "2", "starts_at": "2020-01-02 00:00:00"}],
    "no number": [{"phase": ""}],
    "excluded when": [{"entry": "exclusion"}],
    "backwards": [{"entry": "exclusion", "starts_at": "2020-01-02 00:00:00", "ends_at": "2020-01-01 00:00:00"}],
    "baseline backwards": [{"baseline_starts_at": "2020-01-02 00:00:00", "baseline_ends_at": "2020-01-01 00:00:00"}],
    "no baseline": [{"baseline_points": "0"}],
    "no spread": [{"centre_line": "1", "sigma": "0"}],
}


def test_charts_and_decisions_that_contradict_themselves_are_refused(tmp_path):
    """The build stops at the seed and names the row; well-formed rows beside them are not named."""
    charts = [
        chart(name, "characteristic", **{"chart_type": "auto", **columns}) for name, columns in BAD_CHARTS.items()
    ]
    good = chart("good", "characteristic", "ewma", smoothing="1", split_by="sku_id line_id")
    counted_means = chart("counted-means", "attribute_sample", "xbar_r")
    phases = [phase("good", stream, **columns) for stream, rows in BAD_DECISIONS.items() for columns in rows]
    phases += [
        phase("good", "fine"),
        phase("good", "fine", phase="2", starts_at="2020-01-02 00:00:00"),
        phase("good", "fine", entry="exclusion", phase="", starts_at="2020-01-02 00:00:00"),
        phase("good", "fine", entry="exclusion", phase="", starts_at="2020-01-02 00:00:00"),
    ]
    project = make_project(tmp_path, spc_charts=[*charts, good, counted_means], spc_phases=phases)
    dbt = Dbt(tmp_path, tmp_path / "nowhere", project=project)
    dbt.run("build", "--select", "spc_charts", "spc_phases", "spc_rules", succeeds=False)
    found = {}
    for name in ("assert_charts_are_well_formed", "assert_phases_are_well_formed"):
        compiled = tmp_path / "target" / "compiled" / "faultline" / "tests" / "spc" / f"{name}.sql"
        found[name] = dbt.query(compiled.read_text(encoding="utf-8"))
    assert {row[0] for row in found["assert_charts_are_well_formed"]} == {*BAD_CHARTS, "counted-means"}
    assert {row[1] for row in found["assert_phases_are_well_formed"]} == set(BAD_DECISIONS)


def test_a_decision_that_nothing_follows_is_a_row_and_a_warning(tmp_path):
    """A window beside every point and a misspelt stream: the build goes on and says so; a wrong chart stops it."""
    landing = tmp_path / "landing"
    landing.mkdir()
    measured = [measurement("L1/P1/width", at, 10 + (number % 4) / 10) for number, at in enumerate(moments(30))]
    for name, rows in {**minimal_tables(), "process_measurements": measured}.items():
        write_csv(landing / f"{name}.csv", rows)
    at = "2020-01-01 01:00:0"
    decisions = [
        phase("i-mr", "L1/P1/width", entry="exclusion", phase="", starts_at=f"{at}0"),
        phase("i-mr", "L1/P1/width", entry="exclusion", phase="", starts_at=f"{at}1"),
        phase("i-mr", "L1/P1/wdith", centre_line="10", sigma="1"),
    ]
    charts = [chart("i-mr", "characteristic", "i_mr")]
    dbt = Dbt(tmp_path, landing, project=make_project(tmp_path, spc_charts=charts, spc_phases=decisions))
    dbt.build("--select", "+spc_unused_decisions")
    said = dbt.run("build", "--select", "spc_phases", "spc_unused_decisions").output
    assert "WARN 2 assert_decisions_are_followed" in said
    assert dbt.query("select stream, problem from spc_unused_decisions order by all") == [
        ("L1/P1/wdith", "the stream has no samples on this chart"),
        ("L1/P1/width", "no sample lies in the exclusion"),
    ]

    wrong = make_project(tmp_path / "wrong", spc_charts=charts, spc_phases=[phase("i-nr", "L1/P1/width")])
    stopped = Dbt(tmp_path, landing, project=wrong).run("build", "--select", "spc_charts", "spc_phases", succeeds=False)
    assert "relationships_spc_phases_chart_id" in stopped.output


def test_ewma_of_a_long_stream_neither_overflows_nor_forgets(tmp_path):
    """5,000 points: against the recursion itself."""
    dice = random.Random(3)
    values = [dice.gauss(0, 1) for _ in range(5000)]
    charts = [chart("ewma", "characteristic", "ewma", smoothing="0.3"),
              chart("slow", "characteristic", "ewma", smoothing="0.02"),
              chart("last", "characteristic", "ewma", smoothing="1")]  # fmt: skip
    phases = [phase(row["chart_id"], "L1/P1/noise", centre_line="0", sigma="1") for row in charts]
    rows = [measurement("L1/P1/noise", at, value) for at, value in zip(moments(5000), values, strict=True)]
    dbt = charted_plant(tmp_path, {"spc_charts": charts, "spc_phases": phases}, process_measurements=rows)
    for row in charts:
        smoothing = float(row["smoothing"])
        found = dbt.query(
            f"select value, sigma from spc_points where chart_id = '{row['chart_id']}' order by point_number"
        )
        level = 0.0
        for number, (value, (ewma, sigma)) in enumerate(zip(values, found, strict=True), start=1):
            level = smoothing * value + (1 - smoothing) * level
            exact = math.sqrt(smoothing / (2 - smoothing) * (1 - (1 - smoothing) ** (2 * number)))
            assert (ewma, sigma) == pytest.approx((level, exact), rel=1e-9, abs=1e-9), (smoothing, number)
