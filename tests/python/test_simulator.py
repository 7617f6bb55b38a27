"""The demo plant: the same everywhere, true to its contracts, and with its stories really in the numbers."""

import ast
import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy
import pytest
from PIL import Image

from faultline.__main__ import main
from faultline.push_actions_acknowledgements import TABLE, Acknowledgement, FolderAcknowledgements
from faultline.simulator import command, photographs
from faultline.simulator.landing import CONTRACTS
from faultline.simulator.pictures import png, quality
from faultline.simulator.plant import CATEGORIES, CHARACTERISTICS, DEFECTS, NO_DEFECT, STATIONS
from faultline.simulator.stories import ODD_INSPECTOR

SMALL = ("--days", "3", "--size", "0.2")
REPOSITORY = Path(__file__).resolve().parents[2]


def simulate(folder: Path, *options: str) -> Path:
    assert main(["simulate", "--out", str(folder), *options]) == 0
    return folder


def rows_of(plant: Path, table: str) -> list[dict[str, str]]:
    """All rows of a landing table in the order of its parts, every value as text."""
    path = plant / "landing" / table
    parts = sorted(path.iterdir()) if path.is_dir() else sorted(path.parent.glob(f"{table}.*"))
    assert parts, f"{table} is not there"
    rows: list[dict[str, str]] = []
    for part in parts:
        if part.suffix == ".csv":
            with part.open(encoding="utf-8", newline="") as file:
                rows += csv.DictReader(file)
        else:
            result = duckdb.sql(f"from read_parquet('{part}')")
            rows += [dict(zip(result.columns, map(str, row), strict=True)) for row in result.fetchall()]
    return rows


def truth_of(plant: Path, name: str) -> list[dict[str, str]]:
    with (plant / "truth" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def fingerprint(plant: Path) -> dict[str, str]:
    """Per file the hash of its bytes; for Parquet, whose bytes name the library's version, that of its rows."""
    result = {}
    for file in sorted(path for path in plant.rglob("*") if path.is_file()):
        content = file.read_bytes()
        if file.suffix == ".parquet":
            content = repr(duckdb.sql(f"from read_parquet('{file}')").fetchall()).encode()
        result[file.relative_to(plant).as_posix()] = hashlib.sha256(content).hexdigest()
    return result


def story(plant: Path, name: str) -> dict:
    stories = json.loads((plant / "truth" / "stories.json").read_text(encoding="utf-8"))
    return next(one for one in stories if one["story"] == name)


def kept_inspections(plant: Path) -> dict[str, dict[str, str]]:
    """By inspection_id the row that counts, with the true category and severity beside it."""
    truth = {row["inspection_id"]: row for row in truth_of(plant, "inspections.csv")}
    kept: dict[str, dict[str, str]] = {}
    for row in rows_of(plant, "defect_inspection_records"):
        if quarantine_reason("defect_inspection_records", row):
            continue
        if row["recorded_at"] >= kept.get(row["inspection_id"], row)["recorded_at"]:
            truly = truth[row["inspection_id"]]
            kept[row["inspection_id"]] = row | {"true": truly["category"], "true_severity": truly["severity"]}
    return kept


def rate(rows: list[dict[str, str]], *categories: str) -> float:
    return sum(row["true"] in categories for row in rows) / len(rows)


def label(text: str) -> str:
    return " ".join(text.split()).casefold()


def is_time(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return False
    return True


def quarantine_reason(table: str, row: dict[str, str]) -> str | None:
    """The rule of the project, written again from the contract and not from the simulator."""
    if table == "defect_inspection_records":
        if not (row["inspection_id"] and row["line_id"]):
            return "required column empty"
        if not is_time(row["inspect_time"]) or row["inspect_time"] > row["recorded_at"]:
            return "no valid time"
    if table == "human_reviews" and label(row["reviewed_category"]) not in map(label, CATEGORIES):
        return "unknown category"
    if table == "sensor_readings" and row["value"] == "nan":
        return "not a number"
    if table == "production_output" and int(row["units_produced"]) < 0:
        return "negative quantity"
    if table == "attribute_samples" and int(row["defectives"] or 0) > int(row["sample_size"]):
        return "impossible count"
    if table == "supplier_receipts":
        received, rejected = int(row["quantity_received"]), int(row["quantity_rejected"] or 0)
        if received < 0 or rejected > received:
            return "impossible quantity"
    paf = ("prevention", "appraisal", "internal_failure", "external_failure")
    if table == "quality_cost_entries" and label(row["cost_category"]) not in paf:
        return "unknown cost category"
    return None


KEYS = {
    "defect_inspection_records": ("inspection_id",),
    "inspection_images": ("image_path",),
    "human_reviews": ("review_id",),
    "sensor_readings": ("equipment_id", "parameter", "reading_time"),
    "production_output": ("line_id", "sku_id", "shift", "output_hour"),
    "supplier_receipts": ("receipt_id",),
    "quality_cost_entries": ("entry_id",),
    "net_sales": ("sku_id", "sales_month"),
    "mes_acknowledgements": ("action_key",),
    "line_stop_releases": ("line_id", "released_at"),
    "lines": ("line_id",),
    "stations": ("station_id",),
    "skus": ("sku_id",),
    "suppliers": ("supplier_id",),
    "characteristics": ("sku_id", "characteristic"),
    "ai_recorded_answers": ("step", "inspection_id", "model"),
}


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plant of the default options; nothing may write to it."""
    return simulate(tmp_path_factory.mktemp("default") / "plant")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days at a fifth of the size; nothing may write to it."""
    return simulate(tmp_path_factory.mktemp("small") / "plant", *SMALL)


# ---------------------------------------------------------------- the same everywhere


def test_another_process_clock_zone_and_hash_seed_write_the_same_files(small: Path, tmp_path: Path) -> None:
    """The second run also starts the folder as a program, the other way to call the command."""
    environment = os.environ | {"PYTHONHASHSEED": "12345", "TZ": "America/St_Johns", "LC_ALL": "C", "PYTHONUTF8": "0"}
    arguments = [
        sys.executable,
        str(REPOSITORY / "scripts" / "faultline"),
        "simulate",
        "--out",
        str(tmp_path / "again"),
    ]
    subprocess.run([*arguments, *SMALL], check=True, env=environment, stdout=subprocess.DEVNULL)
    assert fingerprint(tmp_path / "again") == fingerprint(small)


def test_no_module_asks_for_the_time_the_zone_or_the_environment() -> None:
    """What the fingerprints cannot show: two runs of one day would agree although both had looked at the date."""
    forbidden = {"now", "utcnow", "today", "localtime", "astimezone", "getenv", "hash", "strftime"}
    modules = sorted(Path(command.__file__).parent.rglob("*.py"))
    assert len(modules) > 15
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                assert name not in forbidden, f"{module.name}, line {node.lineno}: {name}()"
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert f"{node.value.id}.{node.attr}" not in ("time.time", "os.environ"), (
                    f"{module.name}, {node.lineno}"
                )


def test_another_seed_is_another_plant(small: Path, tmp_path: Path) -> None:
    other = simulate(tmp_path / "other", *SMALL, "--seed", "8")
    assert rows_of(other, "defect_inspection_records") != rows_of(small, "defect_inspection_records")
    assert rows_of(other, "lines") == rows_of(small, "lines")


def test_size_scales_the_inspections_and_nothing_else(small: Path, tmp_path: Path) -> None:
    double = simulate(tmp_path / "double", "--days", "3", "--size", "0.4")
    ratio = len(rows_of(double, "inspection_images")) / len(rows_of(small, "inspection_images"))
    assert 1.5 < ratio < 2.6
    assert rows_of(double, "sensor_readings") == rows_of(small, "sensor_readings")


@pytest.fixture(scope="session")
def longer(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small plant, lengthened by two days."""
    folder = tmp_path_factory.mktemp("longer") / "plant"
    simulate(folder, *SMALL)
    return simulate(folder, "--append", "2")


@pytest.mark.parametrize("table", CONTRACTS)
def test_a_longer_plant_begins_with_the_shorter_one(small: Path, longer: Path, table: str) -> None:
    before = Counter(tuple(row.items()) for row in rows_of(small, table))
    after = Counter(tuple(row.items()) for row in rows_of(longer, table))
    assert before <= after


def test_appended_days_bring_new_rows_and_late_ones(small: Path, longer: Path) -> None:
    known = {tuple(row.items()) for row in rows_of(small, "defect_inspection_records")}
    new = [row for row in rows_of(longer, "defect_inspection_records") if tuple(row.items()) not in known]
    end = "2026-09-03 22:00:00"  # of the third plant day
    assert all(row["recorded_at"] >= end for row in new)
    late = [row for row in new if row["inspect_time"] < "2026-09-02 22:00:00" and is_time(row["inspect_time"])]
    assert late, "at least one row of an earlier day is recorded in the appended days"
    assert len(new) > len(late)


def test_appending_equals_simulating_the_longer_period(longer: Path, tmp_path: Path) -> None:
    assert fingerprint(simulate(tmp_path / "at-once", "--days", "5", "--size", "0.2")) == fingerprint(longer)


def test_pictures_of_a_day_do_not_change_when_the_plant_grows(small: Path, longer: Path) -> None:
    before, after = fingerprint(small), fingerprint(longer)
    pictures = {name: digest for name, digest in before.items() if name.startswith("images/")}
    assert pictures
    assert pictures.items() <= after.items()


# ---------------------------------------------------------------- contracts


def test_every_contract_table_is_there_with_its_columns(plant: Path) -> None:
    assert {path.stem for path in (plant / "landing").iterdir()} == set(CONTRACTS)
    for table, columns in CONTRACTS.items():
        rows = rows_of(plant, table)
        assert rows, f"{table} is empty"
        assert set(columns) <= rows[0].keys(), table


def test_landing_mixes_files_and_folders(plant: Path) -> None:
    landing = plant / "landing"
    assert len(list((landing / "sensor_readings").glob("*.parquet"))) == 28
    assert len(list((landing / "defect_inspection_records").glob("*.csv"))) == 4
    assert (landing / "production_output.parquet").is_file()
    assert (landing / "supplier_receipts.csv").is_file()


def test_size_of_the_default_plant(plant: Path) -> None:
    kept = kept_inspections(plant)
    assert 5000 <= len(kept) <= 6000
    assert 1800 <= len(rows_of(plant, "inspection_images")) <= 2300
    month = {row["booked_on"][:7] for row in rows_of(plant, "quality_cost_entries")}
    assert month == {row["sales_month"][:7] for row in rows_of(plant, "net_sales")}
    assert len(month) == 13


def test_shift_is_the_local_one_and_c_crosses_midnight(plant: Path) -> None:
    hours_by_shift = defaultdict(set)
    for row in kept_inspections(plant).values():
        local = datetime.fromisoformat(row["inspect_time"]) + timedelta(hours=8)
        hours_by_shift[row["shift"]].add(local.hour)
    expected = {"A": set(range(6, 14)), "B": set(range(14, 22)), "C": {22, 23, *range(6)}}
    assert dict(hours_by_shift) == expected


def test_ordinary_rows_are_recorded_within_half_an_hour_and_all_before_the_end(plant: Path) -> None:
    rows = rows_of(plant, "defect_inspection_records")
    assert max(row["recorded_at"] for row in rows) < "2026-09-28 22:00:00"
    delays = [
        datetime.fromisoformat(row["recorded_at"]) - datetime.fromisoformat(row["inspect_time"])
        for row in rows
        if is_time(row["inspect_time"])
    ]
    ordinary = [delay for delay in delays if timedelta(minutes=1) <= delay <= timedelta(minutes=30)]
    assert len(ordinary) / len(rows) > 0.99


def test_references_hold_but_for_the_planted_ones(plant: Path) -> None:
    known = {row["supplier_lot_id"] for row in rows_of(plant, "supplier_receipts")}
    kept = kept_inspections(plant).values()
    assert {row["supplier_lot_id"] for row in kept} - known == {""}
    for column, table, stranger in (
        ("line_id", "lines", "SMT-9"),
        ("supplier_id", "suppliers", "SUP-99"),
        ("sku_id", "skus", "PCB-X999"),
        ("station_id", "stations", None),
    ):
        present = {row[column] for row in kept if row[column]}
        assert present - {row[column] for row in rows_of(plant, table)} == ({stranger} if stranger else set())


def test_an_hour_with_inspections_has_output(plant: Path) -> None:
    hours = {(row["line_id"], row["output_hour"][:13]) for row in rows_of(plant, "production_output")}
    lines = {row["line_id"] for row in rows_of(plant, "lines")}
    for row in kept_inspections(plant).values():
        assert row["line_id"] not in lines or (row["line_id"], row["inspect_time"][:13]) in hours


# ---------------------------------------------------------------- pictures


def test_picture_files_match_their_rows(plant: Path) -> None:
    fates = {row["image_path"]: row["state"] for row in truth_of(plant, "images.csv")}
    rows = {row["image_path"]: row for row in rows_of(plant, "inspection_images")}
    files = {path.relative_to(plant / "images").as_posix(): path for path in (plant / "images").rglob("*.png")}
    assert set(rows) - set(files) == {path for path, fate in fates.items() if fate == photographs.FILE_MISSING} != set()
    assert (
        set(files) - set(rows) == {path for path, fate in fates.items() if fate == photographs.NOT_REGISTERED} != set()
    )
    unreadable = set()
    for path in set(rows) & set(files):
        row, content = rows[path], files[path].read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["content_sha256"]
        assert len(content) == int(row["size_bytes"])
        try:
            with Image.open(io.BytesIO(content)) as picture:
                picture.load()
                assert picture.size == (int(row["width_px"]), int(row["height_px"])) == (256, 192)
        except OSError:
            unreadable.add(path)
            assert row["quality_verdict"] == "unreadable"
            assert {row["sharpness"], row["mean_luminance"], row["clipped_fraction"], row["width_px"]} == {""}
    assert unreadable == {path for path, fate in fates.items() if fate == photographs.TRUNCATED} != set()


def test_picture_figures_follow_their_definition(small: Path) -> None:
    for row in rows_of(small, "inspection_images"):
        file = small / "images" / row["image_path"]
        if row["quality_verdict"] == "unreadable" or not file.exists():
            continue
        grey = numpy.asarray(Image.open(file)).astype(float)
        laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
        assert float(row["sharpness"]) == pytest.approx(laplacian.var(), abs=1e-3)
        assert float(row["mean_luminance"]) == pytest.approx(grey.mean(), abs=1e-3)
        assert float(row["clipped_fraction"]) == pytest.approx(((grey <= 2) | (grey >= 253)).mean(), abs=1e-5)


def test_clipped_pixels_are_those_at_either_end() -> None:
    pixels = numpy.array([[0, 2, 3, 128], [252, 253, 255, 128], [128, 128, 128, 128]], numpy.uint8)
    assert quality.measure(pixels).clipped_fraction == pytest.approx(4 / 12, abs=1e-6)


def test_poor_pictures_are_those_spoilt_by_the_camera(plant: Path) -> None:
    rows = [row for row in truth_of(plant, "images.csv") if row["state"] not in photographs.ACCIDENT_DAYS]
    assert {(row["state"] == "ok", row["quality_verdict"]) for row in rows} == {(True, "ok"), (False, "poor")}
    assert {row["state"] for row in rows} == {"ok", "blurred", "dark", "over-exposed"}


def test_limits_exist_for_every_station_that_takes_pictures(plant: Path) -> None:
    kinds = {STATIONS[row["station_id"]][1] for row in kept_inspections(plant).values()}
    assert kinds == set(quality.LIMITS_BY_STATION_TYPE)


def test_a_defect_is_in_its_picture_where_the_truth_says(plant: Path) -> None:
    inspections = {row["inspection_id"]: row for row in truth_of(plant, "inspections.csv")}
    shown = [row for row in truth_of(plant, "images.csv") if row["kind"]]
    assert len(shown) > 200
    for row in shown:
        assert 0.0005 < float(row["area_ratio"]) < 0.12, row
        assert row["zone"]
        assert (row["area_ratio"], row["zone"]) == tuple(
            inspections[row["inspection_id"]][column] for column in ("area_ratio", "zone")
        )
    blank = [row for row in truth_of(plant, "images.csv") if not row["kind"]]
    assert {(row["area_ratio"], row["zone"], row["count"]) for row in blank} == {("0.0", "", "0")}


def test_png_survives_any_picture() -> None:
    random = numpy.random.default_rng(1)
    skewed = numpy.repeat(numpy.arange(24), [2**power for power in range(12)] * 2)  # asks for codes beyond 15 bits
    fibonacci = [1, 1]
    while len(fibonacci) < 24:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    deep = numpy.repeat(numpy.arange(24), fibonacci)
    for pixels in (
        random.integers(0, 256, (31, 17)),
        numpy.full((5, 9), 7),
        numpy.zeros((1, 1)),
        skewed[: 64 * 100].reshape(64, 100),
        random.permutation(deep)[: 300 * 200].reshape(300, 200),
    ):
        grey = pixels.astype(numpy.uint8)
        assert numpy.array_equal(numpy.asarray(Image.open(io.BytesIO(png.encode(grey)))), grey)


def test_huffman_codes_never_exceed_what_deflate_allows() -> None:
    fibonacci = [1, 1]
    while len(fibonacci) < 30:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    lengths = png._code_lengths(numpy.array(fibonacci))
    assert max(lengths) <= 15
    assert sum(2.0**-length for length in lengths) == 1


# ---------------------------------------------------------------- stories


def test_healthy_line_has_the_base_rate_and_few_critical_defects(plant: Path) -> None:
    kept = list(kept_inspections(plant).values())
    burst = story(plant, "process shift")
    for line_id in ("SMT-1", "SMT-2", "STL-1", "ASM-1"):
        rows = [row for row in kept if row["line_id"] == line_id]
        quiet = [row for row in rows if not (line_id == "SMT-2" and row["inspect_time"] >= burst["begin"])]
        assert sum(row["true_severity"] == "Critical" for row in quiet) / len(quiet) < 0.02, line_id
    assert 0.03 < rate([row for row in kept if row["line_id"] == "SMT-1"], *DEFECTS) < 0.055


def test_bad_lot(plant: Path) -> None:
    told = story(plant, "bad supplier lot")
    rows = [row for row in kept_inspections(plant).values() if row["line_id"] == told["line_id"]]
    inside = [row for row in rows if row["supplier_lot_id"] == told["supplier_lot_id"]]
    outside = [row for row in rows if row["supplier_lot_id"] != told["supplier_lot_id"]]
    assert len(inside) > 80
    assert rate(inside, told["category"]) > 8 * rate(outside, told["category"])
    assert len({row["inspect_time"][:10] for row in inside}) >= 5, "used over several days"
    receipts = [row for row in rows_of(plant, "supplier_receipts") if row["quantity_rejected"]]
    shares = {
        row["supplier_lot_id"]: int(row["quantity_rejected"]) / int(row["quantity_received"])
        for row in receipts
        if row["sku_id"] == told["sku_id"] and int(row["quantity_received"]) > 0
    }
    bad = shares.pop(told["supplier_lot_id"])
    assert bad > 3 * max(share for share in shares.values() if share < 1)  # the impossible receipt is planted mess


def test_hot_spindle_drifts_before_its_defects_and_is_repaired(plant: Path) -> None:
    told = story(plant, "hot spindle")
    readings = [
        (row["reading_time"], float(row["value"]))
        for row in rows_of(plant, "sensor_readings")
        if (row["equipment_id"], row["parameter"]) == (told["station_id"], told["parameter"])
    ]

    def mean(begin: str, end: str) -> float:
        return float(numpy.mean([value for time, value in readings if begin <= time < end]))

    day_before_defects = str(datetime.fromisoformat(told["defects_begin"]) - timedelta(days=1))
    usual = mean("2026-08-31", told["begin"])
    assert mean(day_before_defects, told["defects_begin"]) > usual + 5, "warm a day before the defects"
    assert mean(told["defects_begin"], told["repaired"]) > usual + 10
    assert abs(mean(told["repaired"], "2026-10-01") - usual) < 1
    rows = [row for row in kept_inspections(plant).values() if row["station_id"] == told["station_id"]]
    hot = [row for row in rows if told["defects_begin"] <= row["inspect_time"] < told["repaired"]]
    warming = [row for row in rows if told["begin"] <= row["inspect_time"] < told["defects_begin"]]
    cool = [row for row in rows if not told["begin"] <= row["inspect_time"] < told["repaired"]]
    assert rate(hot, told["category"]) > 5 * rate(cool, told["category"])
    assert rate(warming, told["category"]) < 0.1


def test_process_shift(plant: Path) -> None:
    told = story(plant, "process shift")
    sigma = CHARACTERISTICS[told["characteristic"]].sigma
    values = [
        (row["measured_at"], float(row["value"]), row["subgroup_id"])
        for row in rows_of(plant, "process_measurements")
        if row["line_id"] == told["line_id"]
    ]
    assert set(Counter(subgroup for _, _, subgroup in values).values()) == {5}
    before = numpy.mean([value for time, value, _ in values if time < told["begin"]])
    after = numpy.mean([value for time, value, _ in values if time >= told["begin"]])
    assert (after - before) / sigma == pytest.approx(1.5, abs=0.2)
    rows = [row for row in kept_inspections(plant).values() if row["line_id"] == told["line_id"]]
    rate_before = rate([row for row in rows if row["inspect_time"] < told["begin"]], *DEFECTS)
    rate_after = rate([row for row in rows if row["inspect_time"] >= told["begin"]], *DEFECTS)
    assert 1.6 < rate_after / rate_before < 3.5
    burst = [row for row in rows if told["begin"] <= row["inspect_time"] < told["burst_end"]]
    assert sum(row["true_severity"] == "Critical" for row in burst) / len(burst) > 0.1
    assert [(row["line_id"], row["released_at"]) for row in rows_of(plant, "line_stop_releases")] == [
        (told["line_id"], told["released_at"])
    ]


def test_other_measured_lines_stay_on_target(plant: Path) -> None:
    values = defaultdict(list)
    for row in rows_of(plant, "process_measurements"):
        if row["line_id"] != "SMT-2":
            values[row["characteristic"]].append(float(row["value"]))
    for name, measured in values.items():
        item = CHARACTERISTICS[name]
        assert numpy.mean(measured) == pytest.approx(item.target, abs=0.1 * item.sigma)
        assert numpy.std(measured) == pytest.approx(item.sigma, rel=0.1)
    assert len(values) == 3


def test_odd_inspector_is_visible_against_reviews(plant: Path) -> None:
    kept = kept_inspections(plant)
    missed, seen = Counter(), Counter()
    for review in rows_of(plant, "human_reviews"):
        row = kept.get(review["inspection_id"])
        if row and row["inspector_id"] and label(review["reviewed_category"]) == label("Appearance Defect"):
            seen[row["inspector_id"]] += 1
            missed[row["inspector_id"]] += label(row["raw_category"]) == label(NO_DEFECT)
    others_missed, others_seen = missed.total() - missed[ODD_INSPECTOR], seen.total() - seen[ODD_INSPECTOR]
    assert seen[ODD_INSPECTOR] >= 8
    assert missed[ODD_INSPECTOR] / seen[ODD_INSPECTOR] > 2 * others_missed / others_seen


def test_false_calls_and_escapes_of_the_cameras(plant: Path) -> None:
    rows = [row for row in kept_inspections(plant).values() if row["inspection_source"] == "aoi"]
    shares = {}
    for line_id in ("SMT-1", "SMT-2", "STL-1", "ASM-1"):
        suspects = [row for row in rows if row["line_id"] == line_id and row["aoi_verdict"] == "suspect"]
        shares[line_id] = rate(suspects, NO_DEFECT)
        assert 0.15 <= shares[line_id] <= 0.25, line_id
    assert len({round(share, 3) for share in shares.values()}) == 4
    defective = [row for row in rows if row["true"] != NO_DEFECT]
    escapes = sum(row["aoi_verdict"] == "pass" for row in defective) / len(defective)
    assert 0.01 < escapes < 0.09


def test_blind_audits_are_random_and_reviews_mostly_right(plant: Path) -> None:
    kept = kept_inspections(plant)
    pictured = sum(row["defect_image"] != "" for row in kept.values())
    reviews = [row for row in rows_of(plant, "human_reviews") if row["inspection_id"] in kept]
    blind = [row for row in reviews if row["is_blind"] == "true"]
    assert {row["review_reason"] for row in blind} == {"audit"}
    assert 0.035 < len(blind) / pictured < 0.065
    right = sum(label(row["reviewed_category"]) == label(kept[row["inspection_id"]]["true"]) for row in reviews)
    assert right / len(reviews) > 0.92


def test_recorded_answers_cover_every_good_picture_and_err_a_little(plant: Path) -> None:
    truth = {row["inspection_id"]: row["category"] for row in truth_of(plant, "inspections.csv")}
    readable = {
        row["inspection_id"] for row in truth_of(plant, "images.csv") if row["state"] not in photographs.ACCIDENT_DAYS
    }
    by_step = defaultdict(dict)
    for row in rows_of(plant, "ai_recorded_answers"):
        by_step[row["step"]][row["inspection_id"]] = row["raw_response"]
    assert set(by_step["classify"]) == set(by_step["extract"]) == readable
    answers = {key: label(text) for key, text in by_step["classify"].items()}
    valid = {key: text for key, text in answers.items() if text in map(label, CATEGORIES)}
    assert 0 < len(answers) - len(valid) < 0.02 * len(answers)
    wrong = sum(text != label(truth[key]) for key, text in valid.items()) / len(valid)
    assert 0.05 < wrong < 0.11
    assert any(text.startswith("```json") for text in by_step["extract"].values())
    plain = json.loads(next(text for text in by_step["extract"].values() if text.startswith("{")))
    assert set(plain) == {"location", "area_ratio", "count", "confidence"}
    assert all(isinstance(value, str) for value in plain.values())
    diagnosis = json.loads(next(text for text in by_step["diagnose"].values() if text.startswith("{")))
    assert set(diagnosis) == {"root_cause", "action", "confidence"}
    assert {key for key, category in truth.items() if category != NO_DEFECT} <= set(by_step["diagnose"])


def test_acknowledgements_belong_to_scrapped_inspections(plant: Path) -> None:
    possible = {
        "fl1-" + hashlib.md5(f"scrap|{row['inspection_id']}".encode()).hexdigest()
        for row in truth_of(plant, "inspections.csv")
        if row["severity"] == "Critical"
    }
    keys = [row["action_key"] for row in rows_of(plant, "mes_acknowledgements")]
    assert len(keys) == len(set(keys)) > 5
    assert set(keys) - possible == {"fl1-" + "0" * 32}


# ---------------------------------------------------------------- mess


@pytest.mark.parametrize("table", CONTRACTS)
def test_counts_agree_with_a_recount(plant: Path, table: str) -> None:
    rows = rows_of(plant, table)
    usable = [row for row in rows if quarantine_reason(table, row) is None]
    distinct = {tuple(row[column] for column in CONTRACTS[table]): row for row in usable}
    if table not in KEYS:  # equal measurements may be legitimate, and each is kept
        kept, unique = len(usable), len(usable)
    else:
        unique = len(distinct)
        kept = len({tuple(row[column] for column in KEYS[table]) for row in distinct.values()})
    expected = json.loads((plant / "truth" / "counts.json").read_text(encoding="utf-8"))[table]
    assert expected == {
        "rows": len(rows),
        "quarantined": len(rows) - len(usable),
        "exact_duplicates": len(usable) - unique,
        "superseded": unique - kept,
        "kept": kept,
    }


def test_every_quarantined_row_is_listed(plant: Path) -> None:
    listed = Counter(row["table"] for row in truth_of(plant, "irregularities.csv") if row["effect"] == "quarantine")
    found = Counter(
        {table: sum(quarantine_reason(table, row) is not None for row in rows_of(plant, table)) for table in CONTRACTS}
    )
    assert listed == +found
    assert listed.total() >= 10


def test_small_plant_has_nearly_every_kind_of_mess(small: Path) -> None:
    present = {row["what"] for row in truth_of(small, "irregularities.csv")}
    for what in (
        "exact duplicate row",
        "correction: other category, recorded later",
        "the correction stands before its original in the file",
        "correction with an inspect_time after its recorded_at",
        'unknown label "Scratch"',
        "line_id is empty",
        "zero date as inspect_time",
        "description with a prompt injection",
        "description with SQL",
        "value is NaN",
        photographs.TRUNCATED,
        photographs.FILE_MISSING,
        photographs.NOT_REGISTERED,
    ):
        assert what in present


def test_early_correction_really_stands_before_its_original(plant: Path) -> None:
    key = next(row["key"] for row in truth_of(plant, "irregularities.csv") if "stands before" in row["what"])
    versions = [
        row["recorded_at"] for row in rows_of(plant, "defect_inspection_records") if row["inspection_id"] == key
    ]
    assert len(versions) == 2
    assert versions[0] > versions[1]


# ---------------------------------------------------------------- the command


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--days", "0"), "--days"),
        (("--days", "-3"), "--days"),
        (("--size", "0"), "--size"),
        (("--size", "-1"), "--size"),
        (("--size", "nan"), "--size"),
        (("--start", "2026-13-01"), "--start"),
        (("--start", "yesterday"), "--start"),
        (("--start", "0001-01-01"), "--start"),
        (("--seed", "-1"), "--seed"),
        (("--append", "0"), "--append"),
        (("--append", "1"), "no simulated plant"),
        (("--append", "1", "--seed", "7"), "--seed"),
    ],
)
def test_senseless_options_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], word: str
) -> None:
    assert main(["simulate", "--out", str(tmp_path / "plant"), *options]) == 2
    assert word in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_words_for_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", "--out", str(tmp_path / "plant"), "--days", "many"])
    assert stopped.value.code == 2


def test_a_foreign_folder_or_file_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, file = tmp_path / "thesis", tmp_path / "notes"
    folder.mkdir()
    (folder / "chapter.txt").write_text("mine", encoding="utf-8")
    file.write_text("mine too", encoding="utf-8")
    for place in (folder, file):
        assert main(["simulate", "--out", str(place), *SMALL]) == 2
        assert "not a simulated plant" in capsys.readouterr().err
    assert (folder / "chapter.txt").read_text(encoding="utf-8") == "mine"
    assert file.read_text(encoding="utf-8") == "mine too"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "thesis"]


def test_a_simulated_plant_is_replaced(tmp_path: Path) -> None:
    plant = simulate(tmp_path / "plant", "--days", "2", "--size", "0.1")
    (plant / "landing" / "lines.csv").write_text("spoilt", encoding="utf-8")
    simulate(plant, "--days", "1", "--size", "0.1")
    assert len(rows_of(plant, "lines")) == 4
    assert len(list((plant / "landing" / "sensor_readings").iterdir())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["plant"]


@pytest.mark.parametrize("options", [("--append", "1"), ("--days", "2", "--size", "0.1")], ids=["longer", "again"])
def test_answers_that_were_pushed_outlive_the_plant(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Without them every action of the outbox would go out a second time."""
    plant = simulate(tmp_path / "plant", "--days", "1", "--size", "0.1")
    acknowledgements = FolderAcknowledgements(plant / "landing", adopts_file=True)
    acknowledgements.add(Acknowledgement("k1", 2, "accepted"))
    acknowledgements.close()
    unfinished = FolderAcknowledgements(plant / "landing")
    unfinished.add(Acknowledgement("k2", 1, "accepted"))
    simulate(plant, *options)
    unfinished.add(Acknowledgement("k3", 1, "accepted"))
    unfinished.close()

    fresh = simulate(tmp_path / "fresh", "--days", "2", "--size", "0.1")
    simulated = FolderAcknowledgements(fresh / "landing", adopts_file=True).known()
    pushed = {("k1", 2): "accepted", ("k2", 1): "accepted", ("k3", 1): "accepted"}
    assert FolderAcknowledgements(plant / "landing").known() == {**simulated, **pushed}
    assert not (plant / "landing" / f"{TABLE}.csv").exists()


@pytest.mark.parametrize("stopper", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_leaves_the_old_plant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopper: type[BaseException]
) -> None:
    plant = simulate(tmp_path / "plant", "--days", "1", "--size", "0.1")
    before = fingerprint(plant)

    def stop(folder: Path, *_: object) -> None:
        (folder / "half").write_text("half a plant", encoding="utf-8")
        raise stopper

    monkeypatch.setattr(command, "build", stop)
    with pytest.raises(stopper):
        main(["simulate", "--out", str(plant), "--days", "2"])
    assert fingerprint(plant) == before
    assert [path.name for path in tmp_path.iterdir()] == ["plant"]


def test_the_module_can_be_run_and_reports_what_it_wrote(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "scripts")}
    arguments = [sys.executable, "-m", "faultline", "simulate", "--out", "plant", "--days", "1", "--size", "0.05"]
    done = subprocess.run(arguments, check=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "18 tables" in done.stdout
    assert "images" in done.stdout
    assert (tmp_path / "plant" / "landing" / "lines.csv").is_file()
