"""The plant of real public data builds green, and the figures computed from its landing files alone come out."""

import csv
import json
import math

import pytest
from conftest import REAL_PLANT, Dbt

pytestmark = pytest.mark.skipif(
    not (REAL_PLANT / "landing").is_dir(), reason=f"the real plant is not here: no folder {REAL_PLANT.name}/landing"
)

VARIABLES = {
    "ai_backend": "replay",
    "plant_timezone": "America/Detroit",
    "ai_step_models": {"classify": "mobilenet-v1-logreg", "extract": "constructed-vlm", "diagnose": "constructed-vlm"},
}
RESOLUTIONS = {
    "reviewed>ai>raw": ["reviewed", "ai", "raw"],
    "reviewed>raw>ai": ["reviewed", "raw", "ai"],
    "raw only": ["raw"],
}


@pytest.fixture(scope="module")
def plant(tmp_path_factory) -> Dbt:
    folder = tmp_path_factory.mktemp("real")
    dbt = Dbt(folder, REAL_PLANT / "landing", REAL_PLANT / "images", VARIABLES, is_parsed_before=False)
    dbt.run("build")
    return dbt


def expected(name: str) -> list[dict]:
    with (REAL_PLANT / "expected" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def count(text: str) -> int:
    """A count, also where the file has it as 6.0 or leaves it empty."""
    return int(float(text or 0))


def number(text: str) -> float | None:
    return float(text) if text else None


def close(actual: float | None, wanted: float | None) -> bool:
    if actual is None or wanted is None:
        return actual is None and wanted is None
    return math.isclose(actual, wanted, rel_tol=1e-9, abs_tol=1e-12)


def test_every_row_is_accounted_for(plant):
    wanted = {
        (
            r["table"],
            count(r["rows"]),
            count(r["kept"]),
            count(r["superseded"]),
            count(r["exact_duplicates"]),
            count(r["quarantined"]),
        )
        for r in expected("row_counts")
    }
    # Landing tables that this plant does not know have no rows.
    assert set(plant.query("from ods_row_counts where landed_rows > 0")) == wanted


def test_quarantine_holds_the_unusable_rows_with_their_reason(plant):
    wanted = sorted((r["table"], r["key"], r["reason"]) for r in expected("quarantine"))
    actual = sorted(
        (t, k or "None", reason)
        for t, k, reason in plant.query("select table_name, row_key, reason from ods_quarantine")
    )
    assert actual == wanted
    assert plant.value("select count(*) from ods_quarantine where not json_valid(raw_row)") == 0


def test_unknown_references_are_listed_and_their_rows_kept(plant):
    wanted = {(r["table"], r["column"], r["value"]) for r in expected("unknown_references")}
    assert (
        set(
            plant.query(
                "select table_name, column_name, raw_value from ods_field_issues where issue = 'unknown reference'"
            )
        )
        == wanted
    )
    assert plant.value("select line_id from inspections where inspection_id = 'I13-002274'") == "SMT-9"


def test_unknown_labels_are_null_and_listed_with_their_text(plant):
    rows = plant.query("""
        select issues.raw_value, inspections.raw_category
        from ods_field_issues as issues
        inner join inspections on issues.row_key = inspections.inspection_id
        where issues.issue = 'unknown label'
    """)
    assert {value for value, _ in rows} == {"Scratch", "外观缺陷", "n/a", "Appearance_Defect"}
    assert {category for _, category in rows} == {None}


def test_the_latest_correction_wins(plant):
    wanted = {
        (r["inspection_id"], count(r["versions"]), r["winning_recorded_at"], r["tie"] == "1")
        for r in expected("corrections")
    }
    actual = set(
        plant.query("""
            select inspection_id, version_count, cast(recorded_at as varchar), is_version_tie
            from ods_defect_inspection_records where version_count > 1
        """)
    )
    assert actual == wanted
    assert plant.value("select line_id from inspections where inspection_id = 'I13-001802'") == "PLT-1"
    assert plant.value("select raw_category from inspections where inspection_id = 'I13-001332'") is None
    assert plant.value("select count(*) from inspections where inspection_id = 'I13-001471'") == 1
    assert plant.value("select cast(plant_hour as date) from inspections where inspection_id = 'I13-002053'").day == 5


def test_ai_answers_are_read(plant):
    by_step = {(r["step"], r["model"]): r for r in expected("ai_answers")}
    for step, model in (("classify", "mobilenet-v1-logreg"), ("extract", "constructed-vlm")):
        wanted = by_step[step, model]
        states = dict(plant.query(f"select state, count(*) from ai_{step}_answers group by 1"))
        assert states == {
            "answered": count(wanted["valid"]),
            "invalid": count(wanted["invalid"]),
            "pending": count(wanted["callable_without_answer"]),
        }
        assert plant.value(f"select count(*) from ai_{step}_calls") == count(wanted["answered"])
        assert plant.value(f"select count(*) from ai_{step}_calls where model = '{model}'") == count(wanted["answered"])


def test_diagnoses_of_the_tier_are_read(plant):
    irregular = {
        (row["key"].split("/")[1], row["effect"])
        for row in expected("irregularities")
        if row["key"].startswith("diagnose/") and row["table"] == "ai_recorded_answers"
    }
    states = dict(plant.query("select inspection_id, state from ai_diagnose_answers"))
    asked = {(key, effect) for key, effect in irregular if key in states}
    assert len(asked) >= 10
    for key, effect in asked:
        assert states[key] == {"invalid answer": "invalid", "handled": "answered", "pending": "pending"}[effect], key
    tier = plant.value("select count(*) from defect_analysis where tier = 'in_tier'")
    assert len(states) == tier > 1000


def test_every_diagnosis_is_read_when_the_tier_is_everything(plant, tmp_path):
    """With every severity in the tier the actions of all recorded diagnoses of judged inspections come out."""
    everything = Dbt(tmp_path, plant.landing, plant.images, plant.variables)
    everything.build(
        "--select",
        "+ai_diagnose_answers",
        variables={"ai_diagnose_severities": ["Critical", "Minor", "Light", "No Defect"]},
    )
    actions = {r["action"]: count(r["answers"]) for r in expected("diagnose_actions")}
    undecided = everything.value("""
        select count(*) from ods_ai_recorded_answers as recorded
        inner join resolved_severities using (inspection_id)
        where step = 'diagnose' and tier = 'undecided'
    """)
    read = dict(
        everything.query("select action, count(*) from ai_diagnose_answers where state = 'answered' group by 1")
    )
    invalid = everything.value("select count(*) from ai_diagnose_answers where state = 'invalid'")
    assert sum(read.values()) + invalid + undecided == 1893
    assert set(read) == set(actions)
    assert all(read[action] <= actions[action] for action in actions)


def test_extracted_fields_are_typed_or_refused(plant):
    for row in expected("extract_fields"):
        field = row["field"]
        if field == "(answer)":
            continue
        column = "defect_count" if field == "count" else field
        valid, empty, refused, total = plant.query(f"""
            select
                count({column}),
                count(*) filter ({column} is null and coalesce(refused_fields, '') not like '%{field}%'),
                count(*) filter (refused_fields like '%{field}%'),
                sum(try_cast({column} as double))
            from ai_extract_answers where state = 'answered'
        """)[0]
        assert (valid, empty, refused) == (count(row["valid"]), count(row["empty"]), count(row["refused"])), field
        if row["sum_of_valid"]:
            assert close(total, float(row["sum_of_valid"]))


def test_image_states(plant):
    names = {
        "no image": "no_image",
        "readable": "readable",
        "unreadable": "unreadable",
        "missing: file gone": "missing_file",
        "missing: no image row": "missing_row",
    }
    wanted = {(r["line_id"], names[r["img"]], count(r["inspections"])) for r in expected("inspection_image_state")}
    assert set(plant.query("select line_id, image_state, count(*) from inspections group by all")) == wanted
    unasked = """
        select count(*) from ai_classify_calls inner join inspections using (inspection_id)
        where inspections.image_state <> 'readable'
    """
    assert plant.value(unasked) == 0
    verdicts = {r["quality_verdict"]: count(r["images"]) for r in expected("image_quality")}
    assert dict(plant.query("select quality_verdict, count(*) from ods_inspection_images group by 1")) == verdicts


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_categories_and_rates_by_line(plant, tmp_path_factory, resolution):
    resolved = plant
    if resolution != "reviewed>ai>raw":
        resolved = Dbt(tmp_path_factory.mktemp("resolution"), plant.landing, plant.images, plant.variables)
        resolved.database.write_bytes(plant.database.read_bytes())
        resolved.build("--select", "resolved_categories+", variables={"resolution_order": RESOLUTIONS[resolution]})

    wanted = {
        (None if r["category"] == "(none)" else r["category"], count(r["inspections"]))
        for r in expected("categories")
        if r["resolution"] == resolution
    }
    assert set(resolved.query("select category, count(*) from inspections group by 1")) == wanted

    rows = {r["line_id"]: r for r in expected("defect_rate_by_line") if r["resolution"] == resolution}
    actual = resolved.query("""
        with by_line as (
            select line_id, * exclude (line_id) from inspections
            union all
            select '(all)', * exclude (line_id) from inspections
        )
        select
            line_id,
            count(*),
            count(*) filter (is_defect),
            count(*) filter (category = 'No Defect'),
            count(*) filter (category = 'Requires Manual Re-inspection'),
            count(*) filter (category is null)
        from by_line group by 1
    """)
    assert {line for line, *_ in actual} == set(rows)
    for line, *counts in actual:
        row = rows[line]
        assert counts == [count(row[c]) for c in ("inspections", "defects", "no_defect", "reinspect", "unresolved")], (
            line
        )


def test_rates_and_intervals_of_the_mart(plant):
    """The Wilson interval of the mart's macro, on the sums by line that the expected figures give."""
    for row in expected("defect_rate_by_line"):
        if row["resolution"] != "reviewed>ai>raw" or row["line_id"] == "(all)":
            continue
        inspections, defects, judged = plant.query(
            f"select sum(inspections), sum(defects), sum(judged) from defect_rates where line_id = '{row['line_id']}'"
        )[0]
        assert (inspections, defects) == (count(row["inspections"]), count(row["defects"]))
        assert close(defects / judged if judged else None, number(row["defect_rate_of_judged"]))
        assert close(defects / inspections, number(row["defect_rate_of_all"]))
    output = plant.run(
        "show", "--quiet", "--limit", "50", "--output", "json", "--inline",
        """
        with by_line as (
            select line_id, sum(defects) as defects, sum(judged) as judged
            from {{ ref('defect_rates') }} group by line_id
        )
        select
            line_id, {{ wilson_low('defects', 'judged') }} as low, {{ wilson_high('defects', 'judged') }} as high
        from by_line
        """,
    ).output  # fmt: skip
    intervals = {r["line_id"]: r for r in json.loads(output[output.index("{") :])["show"]}
    for row in expected("defect_rate_by_line"):
        if row["resolution"] == "reviewed>ai>raw" and row["line_id"] != "(all)":
            assert close(intervals[row["line_id"]]["low"], number(row["wilson_low"])), row["line_id"]
            assert close(intervals[row["line_id"]]["high"], number(row["wilson_high"])), row["line_id"]


def test_inspections_by_shift_and_local_day(plant):
    wanted = {(r["line_id"], r["shift"], count(r["inspections"])) for r in expected("inspections_by_shift")}
    assert set(plant.query("select line_id, shift, sum(inspections)::int from defect_rates group by 1, 2")) == wanted
    days = {(r["local_day"], r["line_id"], count(r["inspections"])) for r in expected("inspections_by_local_day")}
    for mart, inspections in (("inspections", "count(*)"), ("defect_rates", "sum(inspections)::int")):
        assert set(plant.query(f"select local_day::varchar, line_id, {inspections} from {mart} group by 1, 2")) == days


def test_the_camera_against_people(plant):
    wanted = {
        (r["line_id"], *(count(r[c]) for c in ("aoi_inspections", "suspect", "false_calls", "escapes")))
        for r in expected("aoi_by_line")
    }
    actual = plant.query("""
        select line_id, sum(aoi_inspections)::int, sum(suspects)::int, sum(false_calls)::int, sum(escapes)::int
        from aoi_false_calls group by 1
    """)
    assert set(actual) == wanted


def test_production_output_is_joined_and_its_gaps_are_not_zero(plant):
    wanted = {(r["line_id"], count(r["hours"]), count(r["units"])) for r in expected("output_by_line")}
    actual = plant.query(
        "select line_id, count(distinct output_hour), sum(units_produced)::int from ods_production_output group by 1"
    )
    assert {line for line, *_ in actual} == {line for line, *_ in wanted}
    assert {(line, units) for line, _, units in actual} == {(line, units) for line, _, units in wanted}
    assert (
        plant.value(
            "select count(*) from defect_rates where units_produced is null and defects_per_unit_produced is not null"
        )
        == 0
    )
    assert (
        plant.value("select count(*) from defect_rates where isnan(defect_rate) or isinf(defects_per_unit_produced)")
        == 0
    )


def test_reviews(plant):
    wanted = {r["what"]: count(r["n"]) for r in expected("reviews")}
    kept, unknown, blind = plant.query("""
        select count(*), count(*) filter (inspections.inspection_id is null), count(*) filter (is_blind)
        from ods_human_reviews left join inspections using (inspection_id)
    """)[0]
    assert (kept, unknown, blind) == (wanted["kept reviews"], wanted["of unknown inspections"], wanted["blind"])
    assert (
        plant.value("select count(*) from inspections where reviewed_category is not null")
        == wanted["inspections reviewed"]
    )


def test_hostile_descriptions_are_kept_to_the_letter(plant):
    with (REAL_PLANT / "landing" / "defect_inspection_records.csv").open(encoding="utf-8", newline="") as file:
        landed = {row["inspection_id"]: row["description"] for row in csv.DictReader(file)}
    hostile = [row["key"] for row in expected("irregularities") if row["what"].startswith("description with")]
    assert len(hostile) == 18
    kept = dict(plant.query("select inspection_id, description from inspections"))
    for key in hostile:
        assert kept[key] == landed[key], key
    prompts = dict(plant.query("select inspection_id, prompt_text from ai_diagnose_requests"))
    for key, prompt in prompts.items():
        assert prompt.count("<") == prompt.count(">") == 4, key
        assert prompt.index("</inspection_data>", prompt.index("</inspection_data>") + 1) > prompt.rindex(
            "inspector's words"
        )


def test_a_second_run_asks_nothing_and_a_full_refresh_neither(plant):
    ledgers = """
        select step, count(*), max(called_at)
        from (from ai_classify_calls union all from ai_extract_calls union all from ai_diagnose_calls)
        group by 1 order by 1
    """
    before = plant.query(ledgers)
    assert plant.build().calls == {"classify": 0, "extract": 0, "diagnose": 0}
    assert plant.build("--full-refresh").calls == {"classify": 0, "extract": 0, "diagnose": 0}
    assert plant.query(ledgers) == before
