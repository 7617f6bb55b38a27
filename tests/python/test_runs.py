"""What a run asks of the models, run after run: nothing twice, nothing lost, never more than allowed."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import Dbt, image, inspection, write_csv, write_tables

LEDGERS = "(from ai_classify_calls union all by name from ai_extract_calls union all by name from ai_diagnose_calls)"
NOTHING = {"classify": 0, "extract": 0, "diagnose": 0}


def images_of(folder: Path, *names: str) -> Path:
    """An image root in which the named files exist; the mock and the replay never open them."""
    for name in names:
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not looked at")
    return folder / "images"


def inspections_with_images(numbers) -> list[dict]:
    return [
        inspection(
            f"I{n}",
            defect_image=f"{n}.png",
            inspect_time=f"2026-09-01 10:{n % 60:02d}:00",
            recorded_at="2026-09-02 00:00:00",
        )
        for n in numbers
    ]


QUIET_MOCK = {"wrong": 0, "malformed": 0, "fenced": 0, "refused": 0, "transient": 0}


def ten_inspections(folder: Path) -> Dbt:
    """Ten inspections with an image each, all Functional Failure and so in the tier; nothing is built."""
    landing = write_tables(
        folder / "landing",
        defect_inspection_records=inspections_with_images(range(10)),
        inspection_images=[image(f"{n}.png") for n in range(10)],
    )
    return Dbt(folder, landing, images_of(folder, *(f"{n}.png" for n in range(200))), {"ai_mock": QUIET_MOCK})


@pytest.fixture
def plant(tmp_path) -> Dbt:
    return ten_inspections(tmp_path)


@pytest.fixture(scope="module")
def first_run(tmp_path_factory) -> Dbt:
    dbt = ten_inspections(tmp_path_factory.mktemp("first"))
    assert ask(dbt) == {"classify": 10, "extract": 10, "diagnose": 10}
    return dbt


@pytest.fixture
def asked_plant(first_run, tmp_path) -> Dbt:
    """The ten inspections after their first run."""
    shutil.copytree(first_run.folder, tmp_path, dirs_exist_ok=True)
    return Dbt(tmp_path, tmp_path / "landing", tmp_path / "images", first_run.variables)


def ask(dbt: Dbt, **variables) -> dict[str, int]:
    return dbt.build("--select", "+ai_diagnose_answers", variables=variables).calls


def test_a_second_run_asks_nothing_and_new_inspections_exactly_their_calls(asked_plant):
    first = asked_plant.query(f"select * from {LEDGERS} order by call_id")
    assert ask(asked_plant) == NOTHING
    assert asked_plant.build("--full-refresh", "--select", "+ai_diagnose_answers").calls == NOTHING
    assert asked_plant.query(f"select * from {LEDGERS} order by call_id") == first

    write_csv(asked_plant.landing / "defect_inspection_records.csv", inspections_with_images(range(110)))
    write_csv(asked_plant.landing / "inspection_images.csv", [image(f"{n}.png") for n in range(110)])
    assert ask(asked_plant) == {"classify": 100, "extract": 100, "diagnose": 100}
    assert asked_plant.value(f"select count(distinct (step, inspection_id)) from {LEDGERS}") == 330


def test_late_and_corrected_rows_are_taken_up(asked_plant):
    rows = inspections_with_images(range(10))
    late = inspection(
        "LATE", inspect_time="2026-08-01 10:00:00", recorded_at="2026-09-03 00:00:00", defect_image="150.png"
    )
    new_picture = {**rows[0], "recorded_at": "2026-09-03 00:00:00", "defect_image": "151.png"}
    new_words = {**rows[1], "recorded_at": "2026-09-03 00:00:00", "description": "open joint"}
    new_severity = {**rows[2], "recorded_at": "2026-09-03 00:00:00", "raw_severity": "Light"}
    write_csv(
        asked_plant.landing / "defect_inspection_records.csv", [*rows, late, new_picture, new_words, new_severity]
    )
    write_csv(asked_plant.landing / "inspection_images.csv", [image(f"{n}.png") for n in [*range(10), 150, 151]])
    # A new picture is asked about in every step, new words in diagnose only, a changed first judgement not at all.
    assert ask(asked_plant) == {"classify": 2, "extract": 2, "diagnose": 3}
    assert asked_plant.value("select state from ai_classify_answers where inspection_id = 'LATE'") == "answered"
    assert (
        asked_plant.value("select content_key from ai_classify_answers where inspection_id = 'I0'") == "sha-of-151.png"
    )


def test_answers_stand_when_the_pictures_are_gone_and_a_warning_says_so(asked_plant):
    write_csv(asked_plant.landing / "defect_inspection_records.csv", inspections_with_images(range(11)))
    write_csv(asked_plant.landing / "inspection_images.csv", [image(f"{n}.png") for n in range(11)])
    verdicts = "select * exclude (image_state) from defect_analysis where inspection_id <> 'I10' order by inspection_id"
    ask(asked_plant, ai_max_calls_per_run=0)
    asked_plant.build("--select", "defect_analysis")
    before = asked_plant.query(verdicts)
    assert asked_plant.value("select count(*) from defect_analysis where classify_state = 'answered'") == 10

    asked_plant.images.rename(asked_plant.folder / "elsewhere")
    gone = asked_plant.build("--select", "+defect_analysis")
    assert gone.calls == {"classify": 0, "extract": 0, "diagnose": 1}  # the new one, by the inspector's words
    looked = asked_plant.run("test", "--select", "assert_image_root_holds_pictures")
    assert "WARN 1 assert_image_root_holds_pictures" in looked.output
    assert asked_plant.query(verdicts) == before
    assert asked_plant.query("select distinct image_state from defect_analysis") == [("missing_file",)]
    assert asked_plant.value("select classify_state from defect_analysis where inspection_id = 'I10'") == "no_image"

    (asked_plant.folder / "elsewhere").rename(asked_plant.images)
    assert asked_plant.build("--select", "+defect_analysis").calls == {"classify": 1, "extract": 1, "diagnose": 0}
    assert asked_plant.query(verdicts) == before
    assert "WARN=0" in asked_plant.run("test", "--select", "assert_image_root_holds_pictures").output


def test_another_prompt_or_model_asks_nothing_until_the_count_was_shown_and_allowed(asked_plant):
    changed = {"ai_step_models": {"classify": "qwen3.5-plus", "extract": "mock-vision", "diagnose": "mock-vision"}}
    assert ask(asked_plant, **changed) == NOTHING
    assert asked_plant.query("select distinct model, is_current_version from ai_classify_answers") == [
        ("mock-vision", False)
    ]

    plan = asked_plant.run("run-operation", "plan_reinference", variables=changed).output
    (classify,) = [line.split() for line in plan.splitlines() if " classify " in line]
    assert classify[1:7] == ["classify", "qwen3.5-plus", "/", "classify-v1", "0", "10"]
    to_make_them = json.loads(plan.split("--vars '")[1].split("'")[0])
    assert to_make_them == {**asked_plant.variables, **changed, "ai_reinference_calls": 10}
    assert ask(asked_plant) == NOTHING

    assert ask(asked_plant, **changed, ai_reinference_calls=4) == {"classify": 4, "extract": 0, "diagnose": 0}
    assert dict(asked_plant.query("select model, count(*) from ai_classify_answers group by 1")) == {
        "mock-vision": 6,
        "qwen3.5-plus": 4,
    }
    assert ask(asked_plant, **changed, ai_reinference_calls=10)["classify"] == 6
    assert asked_plant.value("select count(*) from ai_classify_calls where is_reinference") == 10


def test_plan_shows_count_and_price_and_asks_nothing(asked_plant):
    changed = {"ai_step_models": {"classify": "mock-vision", "extract": "mock-vision", "diagnose": "mock-text"}}
    plan = asked_plant.run("run-operation", "plan_reinference", variables=changed).output
    (diagnose,) = [line for line in plan.splitlines() if " diagnose " in line]
    # 10 calls x (260 tokens at 0.10 + 60 tokens at 0.30) per million
    assert "0.0004 USD" in diagnose
    assert asked_plant.value(f"select count(*) from {LEDGERS}") == 30


def test_a_prompt_edited_under_its_version_is_refused_once_it_has_answers(asked_plant, project_copy):
    seed = project_copy / "seeds" / "ai_prompts.csv"
    seed.write_text(seed.read_text().replace("Judge the part", "Please judge the part"))
    edited = Dbt(asked_plant.folder, asked_plant.landing, asked_plant.images, asked_plant.variables, project_copy)
    assert ask(edited) == NOTHING  # nothing is asked, so nothing is mixed
    write_csv(asked_plant.landing / "defect_inspection_records.csv", inspections_with_images(range(11)))
    write_csv(asked_plant.landing / "inspection_images.csv", [image(f"{n}.png") for n in range(11)])
    output = edited.build("--select", "+ai_classify_calls", succeeds=False).output
    assert "prompt 'classify-v1' was changed after 10 calls" in output
    assert ask(asked_plant) == {"classify": 1, "extract": 1, "diagnose": 1}


def test_work_is_done_in_batches_oldest_first(plant):
    assert ask(plant, ai_batch_size=3)["classify"] == 10
    times = plant.query("""
        select called_at, min(inspection_id), max(inspection_id), count(*)
        from ai_classify_calls group by called_at order by called_at
    """)
    assert [count for *_, count in times] == [3, 3, 3, 1]
    assert [first for _, first, _, _ in times] == ["I0", "I3", "I6", "I9"]


@pytest.mark.parametrize(
    ("limits", "calls"),
    [
        ({"ai_max_calls_per_run": 13}, {"classify": 10, "extract": 3, "diagnose": 0}),
        ({"ai_max_calls_per_day": 25}, {"classify": 10, "extract": 10, "diagnose": 5}),
        ({"ai_max_calls_per_run": 0}, NOTHING),
        # A classify costs (120 + 600) x 0.4 + 6 x 1.2, an extract (200 + 600) x 0.4 + 60 x 1.2 and a diagnose
        # 260 x 0.4 + 60 x 1.2 millionths: what is left after two extracts is one diagnose.
        ({"ai_max_cost_per_run": 0.0002952 * 4}, {"classify": 4, "extract": 0, "diagnose": 0}),
        ({"ai_max_cost_per_day": 0.0002952 * 10 + 0.000392 * 2.5}, {"classify": 10, "extract": 2, "diagnose": 1}),
    ],
)
def test_a_budget_stops_before_it_is_passed_and_the_rest_stays_pending(plant, limits, calls):
    run = plant.build("--select", "+ai_diagnose_answers", variables={**limits, "ai_batch_size": 3})
    assert run.calls == calls
    assert "left pending by the budget" in run.output
    spent = plant.value(f"select coalesce(sum(cost), 0) from {LEDGERS}")
    assert spent <= limits.get("ai_max_cost_per_run", limits.get("ai_max_cost_per_day", 1)) + 1e-12
    assert plant.value("select count(*) from ai_classify_answers where state = 'pending'") == 10 - calls["classify"]


def test_a_daily_budget_counts_earlier_runs_and_the_next_run_goes_on(plant):
    assert ask(plant, ai_max_calls_per_day=6)["classify"] == 6
    assert ask(plant, ai_max_calls_per_day=6) == NOTHING
    assert ask(plant, ai_max_calls_per_run=6) == {"classify": 4, "extract": 2, "diagnose": 0}
    assert ask(plant) == {"classify": 0, "extract": 8, "diagnose": 10}


def test_a_money_budget_needs_a_price(plant):
    models = {"classify": "qwen3.5-plus", "extract": "mock-vision", "diagnose": "mock-vision"}
    variables = {"ai_step_models": models, "ai_max_cost_per_day": 1}
    output = plant.build("--select", "+ai_classify_calls", variables=variables, succeeds=False).output
    assert "has no price for model 'qwen3.5-plus'" in output


def test_a_poisoned_row_fails_alone_and_for_good(plant):
    mock = {**plant.variables["ai_mock"], "refused": 0.3}
    first = ask(plant, ai_mock=mock)
    assert first["classify"] == 10
    states = dict(plant.query("select state, count(*) from ai_classify_answers group by 1"))
    assert states["failed"] >= 1
    assert states["answered"] == 10 - states["failed"]
    assert plant.value("select count(*) from ai_classify_calls where state = 'failed' and error is null") == 0
    assert ask(plant, ai_mock=mock) == NOTHING


def test_a_passing_failure_is_tried_again_up_to_the_maximum(plant):
    mock = {**plant.variables["ai_mock"], "transient": 1.0}
    assert ask(plant, ai_mock=mock, ai_max_attempts=2)["classify"] == 10
    assert plant.query("select distinct state, failed_attempts from ai_classify_answers") == [("pending", 1)]
    assert ask(plant, ai_mock=mock, ai_max_attempts=2)["classify"] == 10
    assert plant.query("select distinct state, failed_attempts from ai_classify_answers") == [("failed", 2)]
    assert ask(plant, ai_mock=mock, ai_max_attempts=2) == NOTHING
    assert ask(plant, ai_max_attempts=3)["classify"] == 10
    assert plant.query("select distinct state, last_error from ai_classify_answers") == [
        ("answered", "mock: the request timed out")
    ]
    assert plant.query("select distinct attempt from ai_classify_calls order by 1") == [(1,), (2,), (3,)]


def test_a_replay_knows_failures_specific_answers_and_gaps(tmp_path, write_landing):
    recorded = [
        {
            "step": "classify",
            "inspection_id": "I0",
            "model": "m",
            "raw_response": "No Defect",
            "prompt_version": None,
            "content_sha256": None,
            "error": None,
        },
        {
            "step": "classify",
            "inspection_id": "I0",
            "model": "m",
            "raw_response": "Material Issue",
            "prompt_version": "classify-v1",
        },
        {"step": "classify", "inspection_id": "I0", "model": "other", "raw_response": "Dimension Deviation"},
        {
            "step": "classify",
            "inspection_id": "I1",
            "model": "m",
            "raw_response": "No Defect",
            "content_sha256": "of another picture",
        },
        {"step": "classify", "inspection_id": "I2", "model": "m", "error": "HTTP 400"},
        {"step": "classify", "inspection_id": "I3", "model": "m", "raw_response": ""},
        {"step": "classify", "inspection_id": "I99", "model": "m", "raw_response": "No Defect"},
    ]
    landing = write_landing(
        defect_inspection_records=inspections_with_images(range(5)),
        inspection_images=[image(f"{n}.png") for n in range(5)],
        ai_recorded_answers=recorded,
    )
    variables = {"ai_backend": "replay", "ai_step_models": {"classify": "m", "extract": "m", "diagnose": "m"}}
    dbt = Dbt(tmp_path, landing, images_of(tmp_path, *(f"{n}.png" for n in range(5))), variables)
    assert ask(dbt) == {"classify": 3, "extract": 0, "diagnose": 0}
    assert dbt.query("select inspection_id, state, category, last_error from ai_classify_answers order by 1") == [
        ("I0", "answered", "Material Issue", None),
        ("I1", "pending", None, None),
        ("I2", "failed", None, "HTTP 400"),
        ("I3", "invalid", None, None),
        ("I4", "pending", None, None),
    ]
    assert ask(dbt) == NOTHING


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"ai_step_models": {"classify": "mock-text", "extract": "mock-vision", "diagnose": "mock-vision"}},
            "reads text only",
        ),
        (
            {"ai_step_models": {"classify": "none", "extract": "mock-vision", "diagnose": "mock-vision"}},
            "no model 'none'",
        ),
        (
            {"ai_step_models": {"extract": "mock-vision", "diagnose": "mock-vision"}},
            "names no model for step 'classify'",
        ),
        (
            {"ai_step_prompts": {"classify": "none", "extract": "extract-v1", "diagnose": "diagnose-v1"}},
            "no prompt 'none'",
        ),
        (
            {"ai_step_prompts": {"classify": "extract-v1", "extract": "extract-v1", "diagnose": "diagnose-v1"}},
            "belongs to step 'extract'",
        ),
        ({"ai_backend": "guess"}, "no backend 'guess'"),
        ({"resolution_order": ["best"]}, "resolution_order is a list"),
    ],
)
def test_a_wrong_setting_is_a_compile_error(plant, variables, message):
    plant.run("seed")
    run = plant.build("--select", "+ai_classify_calls", "resolved_categories", variables=variables, succeeds=False)
    assert message in run.output
    assert "Compilation Error" in run.output


@pytest.mark.parametrize(
    ("categories", "message"),
    [(21, "has 21 labels; AI_CLASSIFY takes at most 20"), (0, "label set of classify is empty")],
)
def test_a_label_set_is_of_1_to_20_labels(plant, project_copy, categories, message):
    rows = [
        {"category": f"Category {n}", "sort_order": n, "is_defect": "true", "is_judged": "true", "ai_description": "x"}
        for n in range(categories)
    ]
    header = "category,sort_order,is_defect,is_judged,ai_description\n"
    seed = project_copy / "seeds" / "defect_categories.csv"
    write_csv(seed, rows) if rows else seed.write_text(header)
    changed = Dbt(plant.folder, plant.landing, plant.images, plant.variables, project_copy)
    assert message in changed.build("--select", "+ai_classify_calls", succeeds=False).output


def test_the_mock_is_a_function_of_the_content(plant, tmp_path):
    ask(plant, ai_mock={"wrong": 0.5, "malformed": 0.2, "fenced": 0.5, "refused": 0.1, "transient": 0})
    again = Dbt(tmp_path / "again", plant.landing, plant.images, plant.variables)
    again.folder.mkdir()
    ask(again, ai_mock={"wrong": 0.5, "malformed": 0.2, "fenced": 0.5, "refused": 0.1, "transient": 0})
    answers = f"select call_id, raw_response, error from {LEDGERS} order by 1"
    assert plant.query(answers) == again.query(answers)
    assert plant.value(f"select count(distinct raw_response) from {LEDGERS}") > 10


def test_an_empty_build_asks_nothing(plant):
    assert plant.build("--empty", "--select", "+ai_diagnose_answers").calls == NOTHING
