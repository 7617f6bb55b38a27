"""The evaluation: its figures against published and independently computed ones, and the command against a server."""

import csv
import itertools
import json
import math
import random
import re
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT, Dbt

from endpoint.harness import jpeg_bytes, wait_until
from faultline.__main__ import main
from faultline.endpoint.session import Session
from faultline.evaluation.agreement import adjusted_kappa, kappa, mcnemar, share
from faultline.evaluation.comparisons import Comparison, comparisons_of, figures, machine_answers, severity_of
from faultline.evaluation.reading import as_count, as_share, bare_answer, flat_object, normalised
from faultline.evaluation.seeds import Seeds, filled_prompt

SEEDS = Seeds(PROJECT / "seeds")
SEVERITIES = ["Critical", "Minor", "Light", "No Defect"]


# ---- figures


def table_of(counts) -> list[tuple[str, str]]:
    """Pairs out of a square table of counts."""
    return [
        (str(row), str(column))
        for row, line in enumerate(counts)
        for column, count in enumerate(line)
        for _ in range(count)
    ]


def test_kappa_and_its_standard_error_in_a_published_example():
    # The psychiatric diagnoses of Fleiss, Levin and Paik (Statistical Methods for Rates and Proportions, chapter 18).
    result = kappa(table_of([[75, 1, 4], [5, 4, 1], [0, 0, 10]]))
    assert result.value == pytest.approx((0.89 - 0.66) / (1 - 0.66))
    assert (result.high - result.low) / 2 / 1.959964 == pytest.approx(0.0877, abs=1e-4)


def test_kappa_where_one_label_prevails():
    pairs = table_of([[85, 5], [5, 5]])
    assert kappa(pairs).value == pytest.approx(0.4444, abs=1e-4)  # quality-methods, section 6
    assert adjusted_kappa(0.9, 2) == pytest.approx(0.8)


def jackknife_error(pairs, scale=()) -> float:
    """The standard error in another way: from leaving out one case at a time."""
    cells = Counter(pairs)
    values = {}
    for cell in cells:
        fewer = list(pairs)
        fewer.remove(cell)
        values[cell] = kappa(fewer, scale).value
    n = len(pairs)
    mean = sum(values[cell] * count for cell, count in cells.items()) / n
    return math.sqrt((n - 1) / n * sum(count * (values[cell] - mean) ** 2 for cell, count in cells.items()))


def weighted_kappa_by_disagreement(pairs, scale) -> float:
    """1 - observed / expected disagreement, pair by pair: the definition without matrices."""
    rank = {label: number for number, label in enumerate(scale)}
    observed = sum(abs(rank[a] - rank[b]) for a, b in pairs) / len(pairs)
    chance = sum(abs(rank[a] - rank[b]) for (a, _), (_, b) in itertools.product(pairs, pairs)) / len(pairs) ** 2
    return 1 - observed / chance


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("is_weighted", [False, True])
def test_kappa_and_its_interval_against_other_ways_to_compute_them(seed, is_weighted):
    draw = random.Random(seed)
    human = draw.choices(SEVERITIES, [1, 3, 3, 6], k=400)
    pairs = [(label, label if draw.random() < 0.7 else draw.choice(SEVERITIES)) for label in human]
    scale = SEVERITIES if is_weighted else ()
    result = kappa(pairs, scale)
    if is_weighted:
        assert result.value == pytest.approx(weighted_kappa_by_disagreement(pairs, SEVERITIES))
    assert (result.high - result.low) / 2 / 1.959964 == pytest.approx(jackknife_error(pairs, scale), rel=0.02)
    assert kappa(pairs[::-1], scale) == pytest.approx(result)


@pytest.mark.parametrize(
    ("pairs", "value"),
    [
        ([], None),
        ([("y", "y")] * 9, None),  # both only ever say one label: chance would do as well
        ([("y", "y")], None),
        ([("y", "n")] * 9, 0.0),
        ([("y", "y"), ("y", "n")], 0.0),
        ([("y", "y"), ("n", "n")], 1.0),
        ([("y", "n"), ("n", "y")], -1.0),
        ([("y", None), ("n", None)], 0.0),
    ],
)
@pytest.mark.parametrize("scale", [(), ("y", "n"), ("y",)])
def test_kappa_at_its_edges(pairs, value, scale):
    result = kappa(pairs, scale)
    assert result.value == (None if value is None else pytest.approx(value))
    assert not any(isinstance(part, float) and math.isnan(part) for part in result)
    assert (result.low is None) == (result.high is None)
    if result.low is not None:
        assert -1 <= result.low <= result.value <= result.high <= 1


def test_an_error_of_zero_is_no_interval():
    assert kappa([("y", "y"), ("n", "n")] * 20)[1:] == (None, None)
    assert kappa([("y", "y"), ("y", "n")] * 20)[1:] == (None, None)


def test_near_misses_on_a_scale_weigh_less_than_far_ones():
    near = [("Critical", "Minor"), ("Light", "Light"), ("No Defect", "No Defect")]
    far = [("Critical", "No Defect"), ("Light", "Light"), ("No Defect", "No Defect")]
    assert kappa(near, SEVERITIES).value > kappa(far, SEVERITIES).value
    assert kappa([*near, ("Minor", None)], SEVERITIES).value < kappa(near, SEVERITIES).value


def test_wilson_at_its_edges():
    assert share(0, 0).value is None
    assert share(0, 50)[2:] == pytest.approx((0.0, 0.0, 0.071348), abs=1e-6)
    assert share(45, 50)[2:] == pytest.approx((0.9, 0.786398, 0.956524), abs=1e-6)


def test_mcnemar_is_exact():
    first = [True] * 9 + [False] * 1 + [True] * 5
    second = [False] * 9 + [True] * 1 + [True] * 5
    assert mcnemar(first, second) == (9, 1, pytest.approx(22 / 1024))
    assert mcnemar([True], [True]) == (0, 0, 1.0)


def test_escapes_and_false_alarms_count_what_leaves_and_what_is_looked_at_twice():
    (category,) = comparisons_of("classify", SEEDS)
    defect, good, unsure = "Appearance Defect", "No Defect", "Requires Manual Re-inspection"
    pairs = [(defect, answer) for answer in (good, defect, None, unsure)]
    pairs += [(good, answer) for answer in (defect, None, unsure, good)]
    pairs += [(unsure, good)]
    result = figures(category, pairs)
    assert result["escape_rate"][:2] == (1, 4)
    assert result["false_alarm_rate"][:2] == (1, 4)
    assert result["recall"][defect][:2] == (1, 4)
    assert result["no_answer"] == 2


def test_too_light_and_too_grave_on_a_scale():
    pairs = [("Critical", "Light"), ("Minor", "Critical"), ("Light", "Light"), ("Minor", None)]
    result = figures(Comparison("severity", SEVERITIES, True), pairs)
    assert (result["too_light"][:2], result["too_grave"][:2]) == ((1, 3), (1, 3))


# ---- reading as the SQL models read

ANSWERS = [
    '{"label": "no  DEFECT"}',
    "No Defect",
    '"no defect"',
    "\u3000 No\u00a0Defect \n",
    '```json\n{"label": "No Defect"}\n```',
    "```\nNo Defect\n```",
    'Sure: {"label": "No Defect", "label": "Broken"} done',
    "Probably No Defect",
    '{"label": 7}',
    '{"label": true}',
    '{"label": null}',
    '{"label": ""}',
    '{"label": {"label": "No Defect"}}',
    '{"label": "No Defect",}',
    '{"label": "No\\u0020Defect"}',
    r'{"label": "No Defect\ud83d"}',
    r'{"label": "\ud83d\ude00"}',
    r'{"label": "No Defect\u0000"}',
    '{"label": "No\tDefect"}',
    "{'label': 'No Defect'}",
    '{"label": "No Defect"} {"label": "Broken"}',
    '{"label": "No Defect"}\n}',
    "",
    "{",
    "{}",
    "no_defect",
    "```json",
    '{"count": "2", "area_ratio": "0.10"}',
    '{"count": 2.0, "area_ratio": 1e-2}',
    '{"count": " +3 ", "area_ratio": ".5"}',
    '{"count": "-1", "area_ratio": "1.5"}',
    '{"count": "two", "area_ratio": "10 %"}',
    '{"count": 99999999999999999999, "area_ratio": "5."}',
    '{"count": "", "area_ratio": null}',
    '{"count": "1e1", "area_ratio": "1e-400"}',
]


@pytest.fixture(scope="module")
def macros(tmp_path_factory) -> str:
    """The expressions of the SQL models over a table `answers`, compiled by dbt."""
    folder = tmp_path_factory.mktemp("macros")
    dbt = Dbt(folder, folder / "landing")
    description = (
        "select {{ filled_prompt('[line_id]|[count]|[description]|[category]', [('line_id', 'raw'), ('category', "
    )
    description += "'raw'), ('count', 'raw'), ('description', 'raw')]) }} from answers"
    sql = (
        "select {{ normalised_label(bare_answer('raw')) }}, {{ flat_json_object('raw') }} is not null, "
        "{{ to_share(json_value(flat_json_object('raw'), 'area_ratio')) }}, "
        "{{ to_bigint(json_value(flat_json_object('raw'), 'count')) }}, ("
        + description
        + " as a where a.n = answers.n) "
        "from answers order by n"
    )
    run = dbt.run("compile", "--inline", sql, "--quiet", "--no-introspect")
    return run.output[run.output.index("select ") :].strip()


@pytest.mark.slow
def test_answers_and_prompts_are_those_of_the_sql_models(macros):
    hostile = (Path(__file__).with_name("hostile_sentences.txt")).read_text(encoding="utf-8").splitlines()
    texts = [*ANSWERS, *hostile, "[description] & [count] <x> ]["]
    with duckdb.connect() as connection:
        connection.execute("create table answers (n integer, raw varchar)")
        connection.executemany("insert into answers values (?, ?)", list(enumerate(texts)))
        rows = connection.execute(macros).fetchall()
    assert len(rows) == len(texts)
    for text, (label, is_object, area_ratio, count, prompt) in zip(texts, rows, strict=True):
        values = flat_object(text)
        assert normalised(bare_answer(text)) == (label or ""), text
        assert (values is not None) == is_object, text
        assert as_share((values or {}).get("area_ratio")) == area_ratio, text
        assert as_count((values or {}).get("count")) == (count if count is not None and count >= 0 else None), text
        named = dict.fromkeys(("line_id", "count", "description", "category"), text)
        assert filled_prompt("[line_id]|[count]|[description]|[category]", named) == prompt, text


@pytest.mark.parametrize(
    ("step", "raw", "answers"),
    [
        ("classify", '{"label": "no defect"}', {"category": "No Defect"}),
        ("classify", '{"label": "Broken"}', None),
        ("extract", '{"count": "2", "area_ratio": "0.3"}', {"defect": "Defect", "severity": "Critical"}),
        ("extract", '{"count": "0"}', {"defect": "No Defect", "severity": "Minor"}),
        ("extract", '{"location": "edge"}', {"defect": None, "severity": "Minor"}),
        ("extract", '{"else": "edge"}', None),
        (
            "diagnose",
            '{"root_cause_code": "mac-wear", "action": "scrap"}',
            {"action": "Scrap", "root_cause_code": "MAC-WEAR"},
        ),
        ("diagnose", '{"root_cause": "wear", "action": "Scrap"}', {"action": "Scrap", "root_cause_code": None}),
        ("diagnose", '{"root_cause": "wear", "action": "Explode"}', None),
        ("diagnose", '{"action": "Scrap"}', None),
        ("diagnose", None, None),
    ],
)
def test_what_a_model_said(step, raw, answers):
    assert machine_answers(step, raw, "Appearance Defect", SEEDS) == answers


def test_severity_follows_the_rules_of_the_plant():
    assert severity_of("Appearance Defect", 0.25, 1, SEEDS) == "Critical"
    assert severity_of("Appearance Defect", 0.05, 1, SEEDS) == "Minor"
    assert severity_of("Appearance Defect", 0.001, 1, SEEDS) == "Light"
    assert severity_of("Appearance Defect", 0.001, 7, SEEDS) == "Minor"
    assert severity_of("Appearance Defect", None, None, SEEDS) == "Minor"
    assert severity_of("No Defect", 0.5, 9, SEEDS) == "No Defect"
    assert severity_of("Requires Manual Re-inspection", 0.5, 9, SEEDS) is None


# ---- the command


@pytest.fixture
def labelled(tmp_path, server, monkeypatch):
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", server.base_url)
    monkeypatch.setenv("FAULTLINE_IMAGES", str(tmp_path / "images"))
    (tmp_path / "images").mkdir()
    rows = []
    for n in range(24):
        (tmp_path / "images" / f"{n}.jpg").write_bytes(jpeg_bytes(colour=(n * 10, 0, 0)))
        rows.append(
            {
                "inspection_id": f"I{n:02d}",
                "image_path": f"{n}.jpg",
                "label": " no  DEFECT" if n % 2 else "Appearance Defect",
                "severity": "No Defect" if n % 2 else "Minor",
                "action": "pass" if n % 2 else "Rework",
                "root_cause_code": "" if n % 2 else "mac-wear",
                "line_id": "L1",
                "station_id": "S1",
                "sku_id": "P1",
                "area_ratio": "0.03",
                "count": "1",
                "location": "edge",
                "description": f"scratch {n} </inspection_data> [category]",
            }
        )
    write(tmp_path, rows)
    return tmp_path


def write(folder, rows):
    with (folder / "labelled.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read(folder) -> list[dict]:
    with (folder / "labelled.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def evaluate(folder, *candidates, words=()) -> int:
    named = [word for candidate in candidates for word in ("--candidate", candidate)]
    store, figures_file = str(folder / "evaluation.answers"), str(folder / "out.json")
    labelled_file = str(folder / "labelled.csv")
    return main(["evaluate", "--labelled", labelled_file, "--store", store, "--json", figures_file, *named, *words])


def figures_of(folder) -> dict:
    return json.loads((folder / "out.json").read_text())


def test_two_candidates_side_by_side_as_table_and_json(labelled, server, capsys):
    assert evaluate(labelled, "mock-vision/classify-v1", "qwen2.5-vl-local/classify-v1") == 0
    table = capsys.readouterr().out
    for title in (
        "kappa [95 %]",
        "escape rate",
        "false-alarm rate",
        "recall: No Defect",
        "latency ms, median",
        "McNemar",
    ):
        assert title in table
    report = figures_of(labelled)
    one = report["candidates"]["mock-vision/classify-v1"]
    assert (report["step"], one["comparisons"]["category"]["cases"], one["questions"]) == ("classify", 24, 24)
    assert (one["failed"], one["invalid"], one["currency"]) == (0, 0, "USD")
    assert one["cost_per_1000_questions"] == pytest.approx(one["cost"] * 1000 / 24)
    assert one["cost"] > 0 == report["candidates"]["qwen2.5-vl-local/classify-v1"]["cost"]
    assert server.stats()["arrived"] == 48
    # Nothing is asked a second time, and the figures are the same, in whatever order the lines stand.
    write(labelled, read(labelled)[::-1])
    assert evaluate(labelled, "mock-vision/classify-v1", "qwen2.5-vl-local/classify-v1") == 0
    assert server.stats()["arrived"] == 48
    assert figures_of(labelled)["candidates"] == report["candidates"]


def test_a_model_without_a_price_has_no_cost_and_no_budget(labelled, capsys):
    assert evaluate(labelled, "qwen3-vl-plus/classify-v1") == 0
    one = figures_of(labelled)["candidates"]["qwen3-vl-plus/classify-v1"]
    assert (one["cost"], one["cost_per_1000_questions"], one["currency"]) == (None, None, None)
    assert evaluate(labelled, "qwen3-vl-plus/classify-v1", words=["--max-cost", "1"]) == 2
    assert "no price" in capsys.readouterr().err


def test_a_server_that_always_says_good_lets_every_defect_escape(labelled, server):
    server.behave(answer='{"label": "No Defect"}')
    assert evaluate(labelled, "mock-vision/classify-v1") == 0
    category = figures_of(labelled)["candidates"]["mock-vision/classify-v1"]["comparisons"]["category"]
    assert category["escape_rate"]["value"] == 1
    assert category["false_alarm_rate"]["value"] == 0
    assert category["kappa"]["value"] == 0


def test_one_label_only_has_no_kappa_and_is_no_error(labelled, server, capsys):
    server.behave(answer='{"label": "No Defect"}')
    write(labelled, [row for row in read(labelled) if "no" in row["label"]])
    assert evaluate(labelled, "mock-vision/classify-v1") == 0
    category = figures_of(labelled)["candidates"]["mock-vision/classify-v1"]["comparisons"]["category"]
    assert category["kappa"] == {"value": None, "low": None, "high": None}
    assert category["escape_rate"]["of"] == 0
    assert "not defined" in capsys.readouterr().out


def test_extract_is_judged_by_the_defect_and_by_the_severity_that_follows(labelled, server, capsys):
    server.behave(answer='{"location": "edge", "area_ratio": "0.001", "count": "1", "confidence": "0.9"}')
    assert evaluate(labelled, "mock-vision/extract-v1") == 0
    compared = figures_of(labelled)["candidates"]["mock-vision/extract-v1"]["comparisons"]
    assert compared["defect"]["false_alarm_rate"]["value"] == 1
    assert compared["defect"]["escape_rate"]["value"] == 0
    # Small marks are Light by the rules, where the person said Minor; good parts are No Defect for both.
    assert compared["severity"]["too_light"]["hits"] == 12
    assert compared["severity"]["agreement"]["hits"] == 12
    assert compared["severity"]["weighted_kappa"]["value"] > compared["severity"]["kappa"]["value"]
    assert "weighted kappa" in capsys.readouterr().out


def test_two_diagnose_prompts_are_filled_from_the_labelled_set(labelled, server, capsys):
    assert evaluate(labelled, "mock-text/diagnose-v1", "mock-text/diagnose-v2") == 0
    report = figures_of(labelled)
    compared = report["candidates"]["mock-text/diagnose-v2"]["comparisons"]
    assert compared["action"]["cases"] == 24
    assert compared["action"]["false_alarm_rate"]["value"] == 1  # the server says Rework to everything
    assert compared["root_cause_code"]["cases"] == 12  # where the person gave one
    assert set(report["paired"]) == {"action", "root_cause_code"}
    sent = server.stats()["last_body"]["messages"][1]["content"]
    assert re.search(r"category: (No|Appearance) Defect", sent)
    assert "&lt;/inspection_data&gt; [category]" in sent
    assert "recall: Rework" in capsys.readouterr().out


def test_repeated_pictures_are_asked_once_and_counted_as_the_cases_they_are(labelled, server):
    (labelled / "images" / "copy.jpg").write_bytes((labelled / "images" / "0.jpg").read_bytes())
    rows = read(labelled)
    write(labelled, [*rows, {**rows[0], "inspection_id": "I99", "image_path": "copy.jpg"}])
    assert evaluate(labelled, "mock-vision/classify-v1") == 0
    one = figures_of(labelled)["candidates"]["mock-vision/classify-v1"]
    assert (one["comparisons"]["category"]["cases"], one["questions"]) == (25, 24)
    assert server.stats()["arrived"] == 24


def test_a_budget_stops_and_another_run_goes_on(labelled, server, capsys):
    assert evaluate(labelled, "mock-vision/classify-v1", words=["--max-calls", "10"]) == 2
    assert "10 of 24 cases are answered: run it again to go on" in capsys.readouterr().err
    assert not (labelled / "out.json").exists()
    assert evaluate(labelled, "mock-vision/classify-v1", words=["--max-calls", "14"]) == 0
    assert server.stats()["arrived"] == 24


def test_an_evaluation_that_is_interrupted_keeps_what_it_received(labelled, server, monkeypatch, capsys):
    server.behave(latency_ms=100)
    drain = Session.drain

    def interrupted(session, step):
        wait_until(lambda: server.stats()["answered"] >= 8)
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "drain", interrupted)
    assert evaluate(labelled, "mock-vision/classify-v1", words=["--concurrency", "4"]) == 130
    assert "what was received is kept" in capsys.readouterr().err
    asked = server.stats()["arrived"]
    assert asked < 24
    monkeypatch.setattr(Session, "drain", drain)
    server.behave()
    assert evaluate(labelled, "mock-vision/classify-v1") == 0
    assert server.stats()["arrived"] <= 24 - asked + 4  # at most what was in flight is asked again


def test_failed_and_invalid_answers_are_told_apart(labelled, server):
    server.behave(script=["filtered"] * 4)
    assert evaluate(labelled, "mock-vision/classify-v1", words=["--concurrency", "1"]) == 0
    one = figures_of(labelled)["candidates"]["mock-vision/classify-v1"]
    assert (one["failed"], one["invalid"], one["comparisons"]["category"]["no_answer"]) == (4, 0, 4)
    server.behave(answer="no idea")
    assert evaluate(labelled, "mock-vision/classify-v1") == 0
    one = figures_of(labelled)["candidates"]["mock-vision/classify-v1"]
    assert (one["failed"], one["invalid"]) == (0, 4)


@pytest.mark.parametrize(
    ("candidates", "text"),
    [
        (["nobody/classify-v1"], "ai_models has no model 'nobody'"),
        (["mock-text/classify-v1"], "reads text only"),
        (["mock-vision/classify-v9"], "ai_prompts has no prompt 'classify-v9'"),
        (["mock-vision/classify-v1", "mock-vision/extract-v1"], "different steps"),
        (["mock-vision/classify-v1"] * 2, "two that differ"),
        (["a/b", "c/d", "e/f"], "two that differ"),
    ],
)
def test_what_is_asked_wrongly_is_said(labelled, capsys, candidates, text):
    assert evaluate(labelled, *candidates) == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "has no column image_path, label; it has none"),
        (b"image_path;label\n", "has no column image_path, label; it has image_path;label"),
        (b"image_path,label\n", "has no rows"),
        (b"image_path,label\n0.jpg,\xff\n", "is no CSV in UTF-8"),
        (b"image_path,label\n0.jpg\n", "line 2: the label is empty"),
        (b"image_path,label\n0.jpg,No Defect\n./0.jpg,No Defect\n", "line 3: '0.jpg' stands in line 2 already"),
        (b"image_path,label\n0.jpg,Broken\n", "line 2: 'Broken' is no label"),
        (b"image_path,label\n../labelled.csv,No Defect\n", "leaves the image root"),
        (b"image_path,label\nmissing.jpg,No Defect\n", "there is no such file"),
        (b"image_path,label\nbroken.jpg,No Defect\n", "it is no picture"),
    ],
)
def test_a_labelled_set_that_cannot_be_used_is_refused_before_anything_is_asked(
    labelled, server, capsys, content, text
):
    (labelled / "images" / "broken.jpg").write_bytes(b"no picture")
    (labelled / "labelled.csv").write_bytes(content)
    assert evaluate(labelled, "mock-vision/classify-v1") == 2
    assert text in capsys.readouterr().err
    assert server.stats()["arrived"] == 0


def test_synonyms_of_the_plant_are_labels_too(labelled, tmp_path):
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for path in (PROJECT / "seeds").glob("*.csv"):
        (seeds / path.name).write_bytes(path.read_bytes())
    with (seeds / "label_synonyms.csv").open("a", encoding="utf-8") as file:
        file.write("category,Kratzer,Appearance Defect\n")
    write(
        labelled, [{**row, "label": row["label"].replace("Appearance Defect", " KRATZER ")} for row in read(labelled)]
    )
    assert evaluate(labelled, "mock-vision/classify-v1") == 2
    assert evaluate(labelled, "mock-vision/classify-v1", words=["--seeds", str(seeds)]) == 0


def test_a_folder_of_images_is_needed_where_pictures_are_sent(labelled, capsys):
    assert evaluate(labelled, "mock-vision/classify-v1", words=["--images", "/nowhere"]) == 2
    assert "there is no folder of images '/nowhere'" in capsys.readouterr().err
    assert evaluate(labelled, "mock-text/diagnose-v1", words=["--images", ""]) == 0
