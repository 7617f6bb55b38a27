"""The evaluation: its figures against hand-computed ones, and the command against a server."""

import csv
import json

import pytest

from endpoint.harness import jpeg_bytes
from faultline.__main__ import main
from faultline.evaluation.agreement import Judged, figures, kappa, kappa_value, mcnemar, share
from faultline.evaluation.command import read_label

LABELS = ["Appearance Defect", "No Defect", "Requires Manual Re-inspection"]


def test_kappa_of_a_textbook_table():
    # Cohen 1960 style: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed .7, expected .5, kappa .4
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert kappa_value(pairs) == pytest.approx(0.4)
    result = kappa(pairs)
    assert result.low < 0.4 < result.high
    # The large-sample standard error of this table is 0.127 (Fleiss, Cohen and Everitt 1969).
    assert result.high - result.low == pytest.approx(2 * 1.96 * 0.127, rel=0.15)
    assert kappa(pairs) == result


@pytest.mark.parametrize(
    ("pairs", "value"),
    [([], None), ([("y", "y")] * 9, None), ([("y", "y"), ("n", "n")], 1.0), ([("y", "n"), ("n", "y")], -1.0)],
)
def test_kappa_at_its_edges(pairs, value):
    assert kappa_value(pairs) == value
    assert kappa(pairs).value == value


def test_wilson_at_its_edges():
    assert share(0, 0).value is None
    assert share(0, 10)[2:] == pytest.approx((0.0, 0.0, 0.2775), abs=1e-3)
    assert share(5, 10)[2:] == pytest.approx((0.5, 0.2366, 0.7634), abs=1e-3)


def test_mcnemar_is_exact():
    first = [True] * 9 + [False] * 1 + [True] * 5
    second = [False] * 9 + [True] * 1 + [True] * 5
    assert mcnemar(first, second) == (9, 1, pytest.approx(22 / 1024))
    assert mcnemar([True], [True]) == (0, 0, 1.0)


def test_escapes_and_false_alarms_count_what_leaves_and_what_is_looked_at_twice():
    cases = [
        Judged("Appearance Defect", "No Defect", 1, 1),
        Judged("Appearance Defect", "Appearance Defect", 2, 1),
        Judged("Appearance Defect", None, None, 0),
        Judged("Appearance Defect", "Requires Manual Re-inspection", 3, 1),
        Judged("No Defect", "Appearance Defect", 4, 1),
        Judged("No Defect", None, None, 0),
        Judged("No Defect", "Requires Manual Re-inspection", 5, 1),
        Judged("No Defect", "No Defect", 6, 1),
        Judged("Requires Manual Re-inspection", "No Defect", 7, 1),
    ]
    result = figures(cases, LABELS, "No Defect", "Requires Manual Re-inspection")
    assert result["escape_rate"][:2] == (1, 4)
    assert result["false_alarm_rate"][:2] == (1, 4)
    assert result["recall"]["Appearance Defect"][:2] == (1, 4)
    assert result["invalid_or_failed"] == 2
    assert result["cost"] == 7
    assert (result["latency_ms_median"], result["latency_ms_p95"]) == (4, 7)


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ('{"label": "no  DEFECT"}', "No Defect"),
        ("No Defect", "No Defect"),
        ('"no defect"', "No Defect"),
        ('```json\n{"label": "No Defect"}\n```', "No Defect"),
        ("Probably No Defect", None),
        ('{"label": 7}', None),
        ('{"label": "Broken"}', None),
        ("", None),
        ("{", None),
        ("no_defect", None),
    ],
)
def test_labels_are_read_as_the_models_read_them(answer, label):
    assert read_label(answer, LABELS) == label


@pytest.fixture
def labelled(tmp_path, server, monkeypatch):
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", server.base_url)
    (tmp_path / "images").mkdir()
    with (tmp_path / "labelled.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_path", "label"])
        for n in range(24):
            (tmp_path / "images" / f"{n}.jpg").write_bytes(jpeg_bytes(colour=(n * 10, 0, 0)))
            writer.writerow([f"{n}.jpg", "no defect" if n % 2 else "Appearance Defect"])
    return tmp_path


def evaluate(folder, *words):
    return main(
        [
            "evaluate",
            "--labelled",
            str(folder / "labelled.csv"),
            "--images",
            str(folder / "images"),
            "--store",
            str(folder / "evaluation.answers"),
            *words,
        ]
    )


def test_two_candidates_side_by_side_as_table_and_json(labelled, server, capsys):
    words = [
        "--candidate",
        "mock-vision/classify-v1",
        "--candidate",
        "qwen2.5-vl-local/classify-v1",
        "--json",
        str(labelled / "out.json"),
    ]
    assert evaluate(labelled, *words) == 0
    table = capsys.readouterr().out
    for title in (
        "kappa [95 %]",
        "escape rate",
        "false-alarm rate",
        "recall: No Defect",
        "cost",
        "latency ms, median",
        "McNemar",
    ):
        assert title in table
    report = json.loads((labelled / "out.json").read_text())
    one = report["candidates"]["mock-vision/classify-v1"]
    assert one["cases"] == one["answered"] == 24
    assert one["cost"] > 0 == report["candidates"]["qwen2.5-vl-local/classify-v1"]["cost"]
    assert server.stats()["arrived"] == 48
    assert evaluate(labelled, *words) == 0
    assert server.stats()["arrived"] == 48  # nothing is asked a second time


def test_a_server_that_always_says_good_lets_every_defect_escape(labelled, server, capsys):
    server.behave(answer='{"label": "No Defect"}')
    assert evaluate(labelled, "--candidate", "mock-vision/classify-v1", "--json", str(labelled / "out.json")) == 0
    one = json.loads((labelled / "out.json").read_text())["candidates"]["mock-vision/classify-v1"]
    assert one["escape_rate"]["value"] == 1
    assert one["false_alarm_rate"]["value"] == 0
    assert one["kappa"]["value"] == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--candidate", "nobody/classify-v1"], "ai_models has no model 'nobody'"),
        (["--candidate", "mock-text/classify-v1"], "reads text only"),
        (["--candidate", "mock-vision/extract-v1"], "there is no classify prompt 'extract-v1'"),
    ],
)
def test_what_is_asked_wrongly_is_said(labelled, capsys, words, text):
    assert evaluate(labelled, *words) == 2
    assert text in capsys.readouterr().err


def test_unusable_rows_are_named_and_none_is_skipped(labelled, capsys):
    with (labelled / "labelled.csv").open("a") as file:
        file.write("0.jpg,Broken\n../labelled.csv,No Defect\nmissing.jpg,No Defect\n")
    assert evaluate(labelled, "--candidate", "mock-vision/classify-v1") == 2
    said = capsys.readouterr().err
    assert "has 3 rows that cannot be used" in said
    assert "line 26: 'Broken' is no category" in said
    assert "leaves the image root" in said
