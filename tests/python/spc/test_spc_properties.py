"""What must hold for any data: false alarms as theory has them, and an inverse normal that inverts."""

import csv
import math
import statistics

import numpy as np
import pytest
from charting import make_project
from conftest import PROJECT, Dbt, minimal_tables, write_csv

from faultline import spc_constants

STREAMS, POINTS = 600, 10_000
# Normal values without a random generator: a hash of the number of the point is uniform, its inverse normal is normal.
GENERATED = f"""
with numbered as (
    select n // {POINTS} as stream, n % {POINTS} as point_number,
        ((hash(n * 2654435761 + 97) >> 11) + 0.5) / 9007199254740992.0 as share
    from range({STREAMS * POINTS}) as numbers(n)
)
select cast(stream as varchar) as stream_id, 'x' as statistic, 1 as phase, point_number, 3.0 as k,
    round({{{{ inverse_normal('share') }}}}, 12) as z
from numbered
"""
HITS = """
{{ config(materialized='table') }}
with points as (select *, '{RULE_SET}' as rule_set from {{ ref('generated_points') }}),
rules as (select * from {{ ref('spc_rules') }} where is_enabled),
{{ run_rule_hits('points', 'rules') }}
select stream_id, rule, point_number from rule_hits
"""
# Statistics that only limits judge, on the same points: steps between neighbours, subgroups of five, a CUSUM.
LIMITS_ONLY = """
{{ config(materialized='table') }}
with points as (

    select *, point_number + 1 as phase_point, 0.5 as allowance,
        abs(z - lag(z) over (partition by stream_id order by point_number)) as step
    from {{ ref('generated_points') }}

),

{{ cusum_of('points') }},

constants as (select * from {{ ref('spc_constants') }} where sample_size = 5),

fives as (

    select max(z) - min(z) as value_range, stddev_samp(z) as deviation
    from points group by stream_id, point_number // 5

)

select 'mr' as statistic, avg(case when step > 1.128 * 3.267 then 1 else 0 end) as found, count(step) as points,
    {{ moving_range_alarm_rate('cast(3 as double)') }} as expected
from points
union all
select 'cusum', avg(case when cusum_high > 4 then 1 else 0 end), count(*),
    {{ cusum_alarm_rate('cast(0.5 as double)', 'cast(4 as double)') }}
from cusum_points
union all
select 'r', avg(case when value_range > d2 * d4_factor then 1 else 0 end), count(*), min(range_alarm_rate)
from fives cross join constants
union all
select 's', avg(case when deviation > c4 * b4 then 1 else 0 end), count(*), min(deviation_alarm_rate)
from fives cross join constants
"""


@pytest.fixture(scope="module")
def six_million(tmp_path_factory) -> Dbt:
    folder = tmp_path_factory.mktemp("six_million")
    landing = folder / "landing"
    landing.mkdir()
    for name, rows in minimal_tables().items():
        write_csv(landing / f"{name}.csv", rows)
    project = make_project(folder)
    models = project / "models"
    (models / "generated_points.sql").write_text("{{ config(materialized='table') }}" + GENERATED, encoding="utf-8")
    for rule_set in ("nelson", "western_electric"):
        (models / f"hits_{rule_set}.sql").write_text(HITS.replace("{RULE_SET}", rule_set), encoding="utf-8")
    dbt = Dbt(folder, landing, project=project)
    (models / "limits_only.sql").write_text(LIMITS_ONLY, encoding="utf-8")
    dbt.build("--select", "+hits_nelson", "+hits_western_electric", "+limits_only", "--threads", "1")
    return dbt


def seed_rules() -> list[dict]:
    with (PROJECT / "seeds" / "spc_rules.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def assert_rate(counts: list[int], points_per_stream: int, rate: float) -> None:
    """The mean rate of the streams lies within 4.5 standard errors of theory; streams, not points, are independent."""
    rates = [count / points_per_stream for count in counts]
    error = statistics.stdev(rates) / math.sqrt(len(rates))
    assert abs(statistics.fmean(rates) - rate) < 4.5 * error, f"{statistics.fmean(rates)} +- {error}, expected {rate}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    [row for row in seed_rules() if row["rule_set"] != "limits_only"],
    ids=lambda r: f"{r['rule_set']}-{r['rule']}",
)
def test_false_alarm_rate_of_a_rule(six_million, rule):
    counts = dict(
        six_million.query(
            f"select stream_id, count(*) from hits_{rule['rule_set']} where rule = {rule['rule']} group by 1"
        )
    )
    per_stream = [counts.get(str(stream), 0) for stream in range(STREAMS)]
    assert_rate(per_stream, POINTS - int(rule["window_points"]) + 1, float(rule["false_alarm_rate"]))


@pytest.mark.slow
@pytest.mark.parametrize(("rule_set", "one_in"), [("western_electric", 61), ("nelson", 43)])
def test_false_alarms_of_a_set(six_million, rule_set, one_in):
    """Points flagged by any rule, as published: one in 61 and one in 43."""
    flagged = six_million.value(f"select count(*) from (select distinct stream_id, point_number from hits_{rule_set})")
    assert STREAMS * POINTS / flagged == pytest.approx(one_in, abs=0.75)


@pytest.mark.slow
@pytest.mark.parametrize("statistic", ["mr", "r", "s", "cusum"])
def test_false_alarm_rate_of_what_is_judged_by_limits_only(six_million, statistic):
    """Within 4 standard errors of a share of so many points, more where neighbours alarm together."""
    ((found, points, expected),) = six_million.query(
        f"select found, points, expected from limits_only where statistic = '{statistic}'"
    )
    more = {"mr": 0.01, "cusum": 0.04}.get(statistic, 0.0)
    assert abs(found - expected) < 4 * math.sqrt(expected / points) + more * expected


@pytest.mark.parametrize("n", [2, 5, 10, 25])
def test_alarm_rates_of_spread_charts_by_a_second_way(n):
    """Of two values the range is sqrt(2) times the deviation: one rate; else against 200,000 drawn subgroups."""
    drawn = np.random.default_rng(n).standard_normal((200_000, n))
    computed = spc_constants.constants(n)
    d2, c4 = computed["d2"], computed["c4"]
    ranges, deviations = np.ptp(drawn, axis=1), drawn.std(axis=1, ddof=1)
    outside = {
        "range_alarm_rate": (ranges > d2 * computed["d4_factor"]) | (ranges < d2 * computed["d3_factor"]),
        "deviation_alarm_rate": (deviations > c4 * computed["b4"]) | (deviations < c4 * computed["b3"]),
    }
    for name, hits in outside.items():
        assert hits.mean() == pytest.approx(computed[name], abs=4 * math.sqrt(computed[name] / len(drawn)))
    if n == 2:
        exact = math.erfc(d2 * computed["d4_factor"] / 2)
        assert [computed[name] for name in outside] == pytest.approx([exact, exact], rel=1e-9)


@pytest.mark.slow
def test_generated_points_are_standard_normal(six_million):
    mean, deviation, beyond = six_million.query(
        "select avg(z), stddev_samp(z), avg(case when z > 1.6448536269514722 then 1 else 0 end) from generated_points"
    )[0]
    assert (mean, deviation, beyond) == pytest.approx((0, 1, 0.05), abs=0.001)


@pytest.mark.parametrize("rule", seed_rules(), ids=lambda r: f"{r['rule_set']}-{r['rule']}")
def test_rates_of_the_seed_are_those_of_theory(rule):
    sigma = float(rule["sigma"] or 3)
    rate = spc_constants.false_alarm_rate(rule["pattern"], int(rule["hit_points"]), int(rule["window_points"]), sigma)
    assert float(rule["false_alarm_rate"]) == pytest.approx(rate, abs=1e-12)


def test_constants_of_the_seed_are_computed():
    with (PROJECT / "seeds" / "spc_constants.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["sample_size"]) for row in rows] == list(range(2, 26))
    for row in rows:
        computed = spc_constants.constants(int(row["sample_size"]))
        assert {name: float(value) for name, value in row.items()} == pytest.approx(computed, abs=1e-11)


def test_constants_known_in_closed_form():
    """Ranges of two and three normal values have integrals that can be written down."""
    assert spc_constants.range_moments(2) == pytest.approx(
        (2 / math.sqrt(math.pi), math.sqrt(2 - 4 / math.pi)), abs=1e-12
    )
    assert spc_constants.range_moments(3)[0] == pytest.approx(3 / math.sqrt(math.pi), abs=1e-12)


# Quantiles of the normal distribution from mpmath at 60 digits, over the range of a double. The branches of the
# algorithm meet at 0.075 and 0.925, and at exp(-25), some 1.4e-11.
QUANTILES = {
    1e-300: -37.0470962993612, 1e-100: -21.273453560965326, 1e-20: -9.262340089798407, 1e-10: -6.361340902404057,
    1e-6: -4.753424308822899, 3.4e-6: -4.499854470025007, 1e-3: -3.0902323061678136, 0.01: -2.326347874040841,
    0.025: -1.9599639845400543, 0.05: -1.6448536269514726, 0.0749: -1.4402382675279637, 0.0751: -1.43882539275254,
    0.1: -1.2815515655446004, 0.25: -0.6744897501960817, 0.4: -0.2533471031357997, 0.499999: -2.5066282745665593e-06,
    0.5: 0.0, 0.75: 0.6744897501960817, 0.9: 1.2815515655446006, 0.925: 1.4395314709384561, 0.95: 1.6448536269514722,
    0.975: 1.9599639845400538, 0.99: 2.3263478740408408, 0.999: 3.090232306167813, 0.9999966: 4.499854470025835,
    0.999999: 4.753424308817087, 0.999999999: 5.9978070196016375,
}  # fmt: skip
# Between them: shares from 1e-300 up by a factor of 6, and across the middle by steps of 1/100.
SHARES = [*(1e-300 * 6**n for n in range(386)), *(n / 100 for n in range(1, 100))]
# Chi-squared at 2.5 and 97.5 %, from scipy.
CHI_SQUARED = {
    10: (3.2469727802368413, 20.483177350807388), 29: (16.04707169536489, 45.72228580417452),
    100: (74.22192747492373, 129.5611971858366), 1000: (914.257153799259, 1089.5309127749135),
}  # fmt: skip
MACROS = {  # name of a model: (call, its column, the values)
    "inverse_normal_values": ("inverse_normal('x')", [0.0, 1.0, -1.0, 1.5, *QUANTILES, *SHARES]),
    "normal_tail_values": ("normal_tail('x')", [0, 0.5, 1, 2.5, 3, 6.5, 8]),
    "c4_values": ("c4('x', 'cast(null as double)')", [1, 26, 50, 1000]),
    "chi_squared_values": ("chi_squared_quantile('x', '1.6448536269514722')", [-1, 0, 5, 30, 100]),
    "wilson_low_values": ("wilson_low('x', '50')", [0, 45, 50]),
    "wilson_high_values": ("wilson_high('x', '50')", [0, 45, 50]),
    # x is the index; the degrees of freedom and the values are those of the examples.
    "capability_low_values": ("capability_bound('x', '19', '-')", [2.29]),
    "capability_high_values": ("capability_bound('x', '19', '+')", [2.29]),
    "capability_index_low_values": ("capability_index_bound('x', '20', '19', '-')", [1.33]),
    "capability_index_high_values": ("capability_index_bound('x', '20', '19', '+')", [1.33]),
    "capability_of_degrees_low_values": ("capability_bound('1', 'x', '-')", [0, *CHI_SQUARED]),
    "capability_of_degrees_high_values": ("capability_bound('1', 'x', '+')", [0, *CHI_SQUARED]),
}


@pytest.fixture(scope="module")
def macro_values(tmp_path_factory) -> Dbt:
    """Macros of one column evaluated over values, each in a model of a copy of the project."""
    folder = tmp_path_factory.mktemp("macros")
    landing = folder / "landing"
    landing.mkdir()
    for name, rows in minimal_tables().items():
        write_csv(landing / f"{name}.csv", rows)
    project = make_project(folder)
    for name, (call, values) in MACROS.items():
        given = ", ".join(f"(cast({value!r} as double))" for value in values)
        sql = f"select x, {{{{ {call} }}}} as result from (values {given}, (null)) as given(x)"
        (project / "models" / f"{name}.sql").write_text(sql, encoding="utf-8")
    dbt = Dbt(folder, landing, project=project)
    dbt.build("--select", *MACROS)
    return dbt


def results(dbt: Dbt, model: str) -> dict[float | None, float | None]:
    found = dict(dbt.query(f"select x, result from {model}"))
    assert found.pop(None) is None
    return found


def test_inverse_normal_over_the_whole_range(macro_values):
    found = results(macro_values, "inverse_normal_values")
    assert [found[share] for share in (0.0, 1.0, -1.0, 1.5)] == [None] * 4
    assert {share: found[share] for share in QUANTILES} == pytest.approx(QUANTILES, rel=1e-13, abs=1e-16)
    # The share below z, by the error function, is the share that was given: 1e-13 of z is some 1e-13 z^2 of the share.
    back = {share: 0.5 * math.erfc(-found[share] / math.sqrt(2)) for share in SHARES}
    assert back == pytest.approx({share: share for share in SHARES}, rel=5e-11)


def test_wilson_intervals(macro_values):
    """45 of 50 lie in 0.7864 to 0.9565, none of 50 in 0 to 0.0713, and all of 50 are its mirror image."""
    low, high = results(macro_values, "wilson_low_values"), results(macro_values, "wilson_high_values")
    assert low == pytest.approx({0.0: 0, 45.0: 0.7863976856, 50.0: 1 - 0.0713475991}, abs=1e-10)
    assert high == pytest.approx({0.0: 0.0713475991, 45.0: 0.9565242351, 50.0: 1}, abs=1e-10)


def test_intervals_of_capability(macro_values):
    """Twenty parts: Montgomery's Cp of 2.29 lies in 1.57 to 3.01; a Cpk of 1.33, after Bissell, in 0.88 to 1.78."""
    printed = [
        results(macro_values, f"capability_{name}_values").popitem()[1]
        for name in ("low", "high", "index_low", "index_high")
    ]
    assert [round(bound, 2) for bound in printed] == [1.57, 3.01, 0.88, 1.78]
    for side, name in enumerate(("low", "high")):
        found = results(macro_values, f"capability_of_degrees_{name}_values")
        assert found.pop(0.0) is None
        exact = {degrees: math.sqrt(points[side] / degrees) for degrees, points in CHI_SQUARED.items()}
        assert found == pytest.approx(exact, rel=0.004)


def test_normal_tail(macro_values):
    found = results(macro_values, "normal_tail_values")
    assert found.pop(8.0) == 0
    assert found == pytest.approx({z: 0.5 * math.erfc(z / math.sqrt(2)) for z in found}, rel=1e-9)


def test_c4_of_large_subgroups(macro_values):
    found = results(macro_values, "c4_values")
    assert found.pop(1.0) is None
    exact = {n: math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2)) for n in found}
    assert found == pytest.approx(exact, rel=1e-9)


def test_chi_squared_quantile(macro_values):
    """Tables have 11.0705, 43.7730 and 124.3421 at 95 %; the approximation is least good for few degrees."""
    found = results(macro_values, "chi_squared_values")
    assert [found.pop(-1.0), found.pop(0.0)] == [None, None]
    assert found == pytest.approx({5.0: 11.0705, 30.0: 43.7730, 100.0: 124.3421}, rel=0.003)
