"""Published and recomputed control charts, reproduced through the models from landing files.

The sets are those of the trial data beside the project; where it is absent these tests are skipped.
"""

import csv
import json
import math
from collections import defaultdict
from pathlib import Path

import pytest
from charting import CHARTS, chart, charted_plant, make_project, measurement, moments, phase
from conftest import PROJECT, REAL_PLANT, Dbt

DATA = PROJECT.parent / "shared" / "data" / "spc"
REFERENCE_FILE = PROJECT.parent / "shared" / "reference" / "spc-reference.json"
if not (DATA.is_dir() and REFERENCE_FILE.is_file()):
    pytest.skip("the published series are not here: no shared/data/spc, shared/reference", allow_module_level=True)
REFERENCE = json.loads(REFERENCE_FILE.read_text(encoding="utf-8"))
EXACT = 1e-9

# chart of the expected files -> (chart id of this test, statistic of spc_points)
STATISTICS = {
    "p": ("p", "p"),
    "p_laney": ("p-prime", "p_prime"),
    "c": ("c", "c"),
    "I": ("i-mr", "x"),
    "MR": ("i-mr", "mr"),
    "xbar_R": ("xbar-r", "xbar"),
    "R": ("xbar-r", "r"),
    "xbar_S": ("xbar-s", "xbar"),
    "S": ("xbar-s", "s"),
}
EWMA_STREAM, CUSUM_STREAM = "LAB-1/NIST-6324/ewma_example", "LAB-1/NIST-6323/cusum_example"
CAPABILITY_STREAM = "CAP/NIST-616/x"


def rows_of(name: str, folder: Path = DATA) -> list[dict]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def numbers(text: str) -> float | None:
    return float(text) if text != "" else None


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Dbt:
    """Every reference series landed at once, under every chart that fits it."""
    charts = [
        chart("p", "attribute_sample", "p"),
        chart("p-prime", "attribute_sample", "p_prime"),
        chart("p-calibrated", "attribute_sample", "p"),
        chart("p-prime-calibrated", "attribute_sample", "p_prime"),
        chart("p-revised", "attribute_sample", "p"),
        chart("c", "attribute_sample", "c"),
        chart("c-calibrated", "attribute_sample", "c"),
        chart("i-mr", "characteristic", "i_mr"),
        chart("i-mr-calibrated", "characteristic", "i_mr"),
        chart("xbar-r", "characteristic", "xbar_r"),
        chart("xbar-s", "characteristic", "xbar_s"),
        chart("ewma", "characteristic", "ewma", smoothing="0.3"),
        chart("cusum", "characteristic", "cusum", cusum_allowance="0.3175", cusum_decision="4.1959"),
    ]
    calibrated = {"p": "p-calibrated", "p_laney": "p-prime-calibrated", "c": "c-calibrated", "I": "i-mr-calibrated"}
    windows = {(calibrated[row["chart"]], row["stream"], row["calibration_points"])
               for row in rows_of("limits_phase_1_2.csv") if row["chart"] in calibrated}  # fmt: skip
    phases = [
        *(phase(chart_id, stream, baseline_points=points) for chart_id, stream, points in sorted(windows)),
        phase("ewma", EWMA_STREAM, centre_line="50", sigma="2.0539"),
        phase("cusum", CUSUM_STREAM, centre_line="325", sigma="1"),
        *(phase("i-mr", f"VEC/Z/{name}", centre_line="0", sigma="1") for name in REFERENCE["nelson_vectors"]),
    ]
    counted = rows_of("series_counted.csv")
    p_times = [row["sampled_at"] for row in counted if row["stream"] == "nist_6332_defectives"]
    for out in REFERENCE["p_chart_nist_6_3_3_2"]["out"]:
        phases.append(
            phase("p-revised", "nist_6332_defectives", entry="exclusion", starts_at=p_times[out - 1], reason="beyond"),
        )
    measured = [
        measurement(row["stream"], row["measured_at"], row["value"], row["subgroup_id"])
        for row in rows_of("series_measured.csv")
    ]
    for name, vector in REFERENCE["nelson_vectors"].items():
        measured += [
            measurement(f"VEC/Z/{name}", at, float(z)) for at, z in zip(moments(99), vector["z"], strict=False)
        ]
    measured += [measurement(CAPABILITY_STREAM, at, x) for at, x in zip(moments(3), (16.0, 14.0, 18.0), strict=True)]
    characteristics = [
        {
            "sku_id": "NIST-616",
            "characteristic": "x",
            "lower_spec": "8",
            "target": "14",
            "upper_spec": "20",
            "unit": "1",
        }
    ]
    return charted_plant(
        tmp_path_factory.mktemp("reference"),
        {"spc_charts": charts, "spc_phases": phases},
        attribute_samples=counted,
        process_measurements=measured,
        characteristics=characteristics,
    )


def points(dbt: Dbt, chart_id: str, statistic: str) -> dict[str, dict[int, tuple]]:
    """(value, centre line, lcl, ucl, sigma, beyond) of every point of a chart, by stream and point number."""
    found = defaultdict(dict)
    for stream, number, *figures in dbt.query(f"""
        select stream, point_number, value, centre_line, lcl, ucl, sigma, is_beyond_limits
        from spc_points where chart_id = '{chart_id}' and statistic = '{statistic}'
    """):
        found[stream][number] = tuple(figures)
    return found


def assert_same_limits(dbt: Dbt, expected: list[dict], charts: dict[str, tuple[str, str]]) -> int:
    """Compare every expected point to 1e-9 of the size of its chart; moving ranges begin at the second point."""
    compared = 0
    of_chart = {name: points(dbt, *key) for name, key in charts.items()}
    for row in expected:
        if row["chart"] not in charts:
            continue
        number = int(row["point"]) + (1 if row["chart"] == "MR" else 0)
        found = of_chart[row["chart"]][row["stream"]][number]
        wanted = [numbers(row[name]) for name in ("statistic", "center", "lcl", "ucl", "sigma")]
        size = max(abs(wanted[4]), 1e-12)
        for name, have, want in zip(("value", "centre_line", "lcl", "ucl", "sigma"), found, wanted, strict=False):
            near = math.isclose(have, want, rel_tol=EXACT, abs_tol=EXACT * size)
            assert near, f"{row['stream']} {row['chart']} point {number}: {name} {have}, expected {want}"
        assert found[5] == (row["beyond"] == "1"), f"{row['stream']} {row['chart']} point {number}: beyond"
        compared += 1
    return compared


def assert_same_hits(dbt: Dbt, expected: list[dict], limits: list[dict]) -> None:
    """The very same rule hits on every charted stream, no more and no fewer."""
    for name, (chart_id, statistic) in STATISTICS.items():
        streams = {row["stream"] for row in limits if row["chart"] == name}
        found = set(
            dbt.query(f"""
            select stream, rule, point_number from spc_signals
            where chart_id = '{chart_id}' and statistic = '{statistic}' and rule_set = 'nelson'
        """)
        )
        found = {hit for hit in found if hit[0] in streams}
        shift = 1 if name == "MR" else 0
        wanted = {
            (row["stream"], int(row["rule"]), int(row["point"]) + shift) for row in expected if row["chart"] == name
        }
        assert found == wanted, name


def test_limits_of_every_series(reference):
    expected = rows_of("limits.csv")
    assert assert_same_limits(reference, expected, STATISTICS) == len(expected)


def test_rule_hits_of_every_series(reference):
    assert_same_hits(reference, rows_of("rules.csv"), rows_of("limits.csv"))


def test_limits_from_a_baseline_judge_later_points(reference):
    charts = {
        "p": ("p-calibrated", "p"),
        "p_laney": ("p-prime-calibrated", "p_prime"),
        "c": ("c-calibrated", "c"),
        "I": ("i-mr-calibrated", "x"),
        "MR": ("i-mr-calibrated", "mr"),
    }
    expected = rows_of("limits_phase_1_2.csv")
    assert assert_same_limits(reference, expected, charts) == len(expected)


def test_published_p_chart_and_its_revision(reference):
    known = REFERENCE["p_chart_nist_6_3_3_2"]
    found = points(reference, "p", "p")["nist_6332_defectives"]
    _, centre, lcl, ucl, *_ = found[1]
    assert round(centre, 4) == known["published"]["pbar"]
    assert (round(ucl, 4), round(lcl, 4)) == (known["published"]["ucl"], known["published"]["lcl"])
    assert centre == pytest.approx(known["computed"]["pbar"], rel=EXACT)
    assert (ucl, lcl) == pytest.approx((known["computed"]["ucl"], known["computed"]["lcl"]), rel=EXACT)
    assert [number for number, figures in sorted(found.items()) if figures[5]] == known["out"]

    revised = points(reference, "p-revised", "p")["nist_6332_defectives"]
    _, centre, lcl, ucl, *_ = revised[1]
    wanted = known["revised_excluding_15_23"]
    assert centre == pytest.approx(wanted["cl"], rel=EXACT)
    assert (round(lcl, 8), round(ucl, 8)) == (wanted["lcl"], wanted["ucl"])
    out = {number for number, figures in revised.items() if figures[5]}
    assert out - set(known["out"]) == set(wanted["now_out_original_index"])
    reasons = reference.query("select distinct exclusion_reason from spc_points where exclusion_reason is not null")
    assert reasons == [("beyond",)]


def test_published_c_chart_and_a_point_on_its_limit(reference):
    known = REFERENCE["c_chart_nist_6_3_3_1"]
    found = points(reference, "c", "c")["nist_6331_wafer_defects"]
    assert found[3][:4] == (28, known["published"]["cbar"], known["published"]["lcl"], known["published"]["ucl"])
    assert [number for number, figures in sorted(found.items()) if figures[5]] == known["out"]


def test_published_individuals_chart(reference):
    known = REFERENCE["i_mr_nist_6_3_2_2"]["published"]
    _, centre, lcl, ucl, *_ = points(reference, "i-mr", "x")["LAB-1/NIST-6322/flow_rate"][1]
    assert (round(centre, 2), round(ucl, 4), round(lcl, 4)) == (known["xbar"], known["ucl"], known["lcl"])
    _, mean_range, *_ = points(reference, "i-mr", "mr")["LAB-1/NIST-6322/flow_rate"][2]
    assert round(mean_range, 4) == known["mrbar"]


def test_ewma_exact_and_published(reference):
    found = points(reference, "ewma", "ewma")[EWMA_STREAM]
    expected = [row for row in rows_of("time_weighted.csv") if row["chart"] == "nist_6324_ewma"]
    assert len(expected) == len(found) == 20
    for row in expected:
        value, centre, lcl, ucl, _, beyond = found[int(row["point"])]
        wanted = tuple(numbers(row[name]) for name in ("statistic", "lcl", "ucl"))
        assert (value, lcl, ucl) == pytest.approx(wanted, rel=EXACT)
        assert (centre, beyond) == (50, row["beyond"] == "1")
    published = rows_of("nist_ewma_6.3.2.4.csv")
    assert [round(found[int(row["point"])][0], 2) for row in published] == [
        float(row["published_ewma"]) for row in published
    ]
    # NIST prints the limits of the far end for every point, the lower one cut off (47.41157) rather than rounded.
    limits = REFERENCE["ewma_nist_6_3_2_4"]["published"]
    assert (found[20][3], found[20][2]) == pytest.approx((limits["ucl"], limits["lcl"]), abs=1e-4)


@pytest.mark.parametrize("side", ["high", "low"])
def test_cusum_exact_and_published(reference, side):
    found = points(reference, "cusum", f"cusum_{side}")[CUSUM_STREAM]
    expected = [row for row in rows_of("time_weighted.csv") if row["chart"] == f"nist_6323_cusum_{side}"]
    assert len(expected) == len(found) == 20
    for row in expected:
        value, *_, ucl, _, beyond = found[int(row["point"])]
        assert value == pytest.approx(float(row["statistic"]), rel=EXACT, abs=EXACT)
        assert (ucl, beyond) == (4.1959, row["beyond"] == "1")
    known = REFERENCE["cusum_nist_6_3_2_3"]
    if side == "high":
        assert [round(found[number][0], 4) for number in sorted(found)] == known["computed_hi"]
        assert [number for number, figures in sorted(found.items()) if figures[5]] == known["out"]


@pytest.mark.parametrize("name", REFERENCE["nelson_vectors"])
def test_rule_vectors(reference, name):
    wanted = {
        (int(rule.removeprefix("rule")), point)
        for rule, hits in REFERENCE["nelson_vectors"][name]["expected"].items()
        for point in hits
    }
    found = reference.query(f"""
        select rule, point_number from spc_signals
        where stream = 'VEC/Z/{name}' and chart_id = 'i-mr' and statistic = 'x'
    """)
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_rule_windows_begin_where_they_should(reference):
    """The first point of the window: nine points back for rule 2, six for rule 3, three for rule 5."""
    found = reference.query("""
        select stream, rule, point_number, window_start_point, is_both_sides from spc_signals
        where stream like 'VEC/Z/%' and chart_id = 'i-mr' and statistic = 'x' and rule > 1 order by all
    """)
    assert [(stream.split("/")[2], *rest) for stream, *rest in found] == [
        ("r2_nine", 2, 10, 2, False),
        ("r3_six_points", 3, 7, 2, False),
        ("r4_fourteen", 4, 14, 1, False),
        ("r5_hit", 5, 3, 1, False),
        ("r6_hit", 6, 5, 1, False),
        ("r7_fifteen", 7, 15, 1, False),
        ("r8_both_sides", 8, 8, 1, True),
    ]


def test_certified_means_and_deviations(reference):
    """NIST StRD: means from the chart, the deviation from the capability of the same values."""
    certified = {row["dataset"]: row for row in rows_of("nist_strd_certified.csv")}
    streams = {
        "Mavro": "LAB-1/NIST-MAVRO/filter_transmittance",
        "Lew": "LAB-1/NIST-LEW/beam_deflection",
        "NumAcc3": "LAB-1/NIST-NUMACC3/constructed_hard_to_compute",
    }
    for name, stream in streams.items():
        (centre,) = {figures[1] for figures in points(reference, "i-mr", "x")[stream].values()}
        assert centre == pytest.approx(float(certified[name]["certified_mean"]), rel=1e-12)


def test_published_capability(reference):
    """Mean 16, sigma 2, limits 8 and 20: three values make it so, and sigma is then the overall one."""
    ((pp, ppu, ppl, ppk, cpm, too_few),) = reference.query(f"""
        select pp, ppu, ppl, ppk, cpm, has_too_few_values from process_capability
        where stream = '{CAPABILITY_STREAM}' and chart_id = 'i-mr'
    """)
    known = REFERENCE["capability_nist_6_1_6"]
    assert (round(pp, 4), round(ppu, 4), round(ppl, 4), round(ppk, 4)) == (
        known["Cp"],
        known["Cpu"],
        known["Cpl"],
        known["Cpk"],
    )
    assert cpm == pytest.approx(12 / (6 * math.sqrt(4 + 4)), rel=EXACT)
    assert too_few


@pytest.mark.skipif(not (REAL_PLANT / "landing").is_dir(), reason="the plant of real public data is not here")
def test_charts_of_the_real_plant(tmp_path):
    """The plant's own landing, with its planted rows, every point in the baseline."""
    charts = [
        chart("p", "attribute_sample", "p"),
        chart("p-prime", "attribute_sample", "p_prime"),
        chart("c", "attribute_sample", "c"),
        chart("i-mr", "characteristic", "i_mr"),
        chart("xbar-r", "characteristic", "xbar_r"),
        chart("xbar-s", "characteristic", "xbar_s"),
    ]
    dbt = Dbt(
        tmp_path,
        REAL_PLANT / "landing",
        REAL_PLANT / "images",
        {"plant_timezone": "America/Detroit"},
        make_project(tmp_path, spc_charts=charts, spc_phases=[]),
    )
    dbt.build("--select", *(f"+{model}" for model in CHARTS))
    expected = rows_of("spc_limits.csv", REAL_PLANT / "expected")
    assert assert_same_limits(dbt, expected, STATISTICS) == len(expected)
    assert_same_hits(dbt, rows_of("spc_rules.csv", REAL_PLANT / "expected"), expected)
