"""The landing as plants deliver it: files, folders, gaps, mess. Nothing is lost and nothing is guessed."""

import duckdb
import pytest
from conftest import Dbt, image, inspection, minimal_tables, write_csv, write_tables

ODS = ("--select", "+ods_row_counts", "+ods_quarantine", "+ods_field_issues")


@pytest.fixture
def build(tmp_path):
    """Build the ods layer of the test's landing folder."""

    def run(*select: str, **options) -> Dbt:
        dbt = Dbt(tmp_path, tmp_path / "landing")
        dbt.run_result = dbt.build(*(select or ODS), **options)
        return dbt

    return run


def row_count(dbt: Dbt, table: str) -> tuple:
    (row,) = dbt.query(f"select * exclude (table_name) from ods_row_counts where table_name = '{table}'")
    return row


def test_a_minimal_plant_has_its_rows_and_every_optional_table_empty(build, write_landing):
    write_landing()
    dbt = build()
    assert row_count(dbt, "defect_inspection_records") == (1, 1, 0, 0, 0)
    assert dbt.value("select count(*) from ods_row_counts where landed_rows > 0") == 6
    assert dbt.value("select count(*) from ods_row_counts where landed_rows = 0") == 14


def test_a_missing_required_table_and_column_are_named(build, write_landing):
    landing = write_landing(lines=[{"name": "Line 1"}])
    (landing / "suppliers.csv").unlink()
    output = build(succeeds=False).run_result.output
    assert (
        "landing table suppliers is missing: expected landing/suppliers.csv, .parquet or a folder of either" in output
    )
    assert "landing table lines lacks the required column(s) line_id" in output


def test_a_table_given_twice_is_refused(build, write_landing):
    landing = write_landing()
    duckdb.sql("select 'L1' as line_id").write_parquet(str(landing / "lines.parquet"))
    assert "landing table lines is there more than once" in build(succeeds=False).run_result.output


def test_files_that_no_table_reads_are_named(build, write_landing):
    """A table whose name or extension is misspelt is as empty as one that was never delivered: the run says which."""
    landing = write_landing(human_reviews=[])
    (landing / "human_reviews.csv").rename(landing / "human_reviews.CSV")
    for name in ("Net_sales.csv", "linse/part.csv", "sensor_readings/a.csv.gz", "net_sales.xlsx"):
        (landing / name).parent.mkdir(exist_ok=True)
        (landing / name).touch()
    unread = "Net_sales.csv, human_reviews.CSV, linse/part.csv, net_sales.xlsx, sensor_readings/a.csv.gz"
    output = build("--select", "ods_lines", "landing_lines", "checked_lines").run_result.output
    assert f"files in landing that no landing table reads: {unread}. " in " ".join(output.split())


def test_files_beside_the_tables_that_are_no_tables_are_left_alone(build, write_landing):
    landing = write_landing()
    for name in ("README.md", ".hidden.csv", ".git/x.csv", "_SUCCESS", "_old/lines.csv", "lines/readme.txt"):
        (landing / name).parent.mkdir(exist_ok=True)
        (landing / name).touch()
    (landing / "mes_acknowledgements").mkdir()
    (landing / "mes_acknowledgements" / "push-1.csv.open").touch()
    assert "no landing table reads" not in build("--select", "landing_lines").run_result.output


def test_a_folder_of_parts_in_both_formats_is_one_table(build, write_landing):
    """Columns are matched by name: another order, another case, extra and missing optional columns do not matter."""
    landing = write_landing()
    (landing / "defect_inspection_records.csv").unlink()
    folder = landing / "defect_inspection_records"
    (folder / "2026").mkdir(parents=True)
    first = inspection("I1", part_serial="00041")
    write_csv(folder / "a.csv", [first])
    write_csv(folder / "2026" / "b.csv", [dict(reversed(inspection("I2", source_ref="x").items()))])
    shouted = {
        f" {name.upper()} ": value
        for name, value in inspection("I3", description='a, "b"\nc').items()
        if name != "raw_severity"
    }
    write_csv(folder / "it's; drop table.csv", [shouted])
    duckdb.sql(
        "select 'I4' as inspection_id, timestamptz '2026-09-01 12:00:00+02' as inspect_time, "
        "timestamp '2026-09-01 10:00:01' as recorded_at, 'L1' as line_id, 'S1' as station_id, 'A' as shift, "
        "'P1' as sku_id, 'aoi' as inspection_source, 7 as part_serial"
    ).write_parquet(str(folder / "c.parquet"))
    dbt = build()
    assert row_count(dbt, "defect_inspection_records") == (4, 4, 0, 0, 0)
    rows = dbt.query("""
        select inspection_id, part_serial, description, raw_severity, inspect_time::varchar
        from ods_defect_inspection_records order by 1
    """)
    assert rows == [
        ("I1", "00041", None, "Critical", "2026-09-01 10:00:00"),
        ("I2", None, None, "Critical", "2026-09-01 10:00:00"),
        ("I3", None, 'a, "b"\nc', None, "2026-09-01 10:00:00"),
        ("I4", "7", None, None, "2026-09-01 10:00:00"),
    ]


def test_a_file_with_only_a_header_has_no_rows(build, write_landing):
    landing = write_landing()
    (landing / "net_sales.csv").write_text("sales_month,sku_id,amount,currency\n")
    (landing / "sensor_readings").mkdir()
    dbt = build()
    assert row_count(dbt, "net_sales") == (0, 0, 0, 0, 0)
    assert row_count(dbt, "sensor_readings") == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("lines", ["L1,Line 1,too,many", "L0,Line 0\nL1\nL2,Line 2", 'L1,"never closed\nL2,Line 2'])
def test_a_broken_line_stops_the_build_and_its_file_is_named(build, write_landing, lines):
    landing = write_landing()
    (landing / "lines.csv").write_text(f"line_id,line_name\n{lines}\n")
    output = build("--select", "+ods_lines", succeeds=False).run_result.output
    assert "lines.csv" in output
    assert "CSV" in output


@pytest.mark.parametrize(
    ("header", "is_repeated"),
    [
        ("line_id,line_name,line_id", True),
        (" Line_ID ,line_name,LINE_ID", True),
        ("line_id,line_name,line_id_1", False),
    ],
)
def test_a_column_that_stands_twice_in_a_header_stops_the_build(build, write_landing, header, is_repeated):
    """Which of the two counts, nobody could say; an extra column with a name like that of the second is none of it."""
    landing = write_landing()
    (landing / "lines.csv").unlink()
    (landing / "lines").mkdir()
    (landing / "lines" / "a.csv").write_text("line_id,line_name\nL1,Line 1\n")
    (landing / "lines" / "b.csv").write_text(f"{header}\nL2,Line 2,L3\n")
    dbt = build("--select", "+ods_lines", succeeds=not is_repeated)
    if is_repeated:
        message = "landing table lines: the column line_id stands more than once in the header of landing/lines/b.csv"
        assert message in " ".join(dbt.run_result.output.split())
    else:
        assert dbt.query("select line_id from ods_lines order by 1") == [("L1",), ("L2",)]


def test_a_line_that_looks_like_a_comment_is_a_row(build, write_landing):
    write_landing(lines=[{"line_id": "#1", "line_name": None}, {"line_id": "L1", "line_name": "1"}])
    assert build("--select", "+ods_lines").query("select line_id from ods_lines order by 1") == [("#1",), ("L1",)]


def test_field_issues_keep_the_row_and_show_the_text(build, write_landing):
    write_landing(
        skus=[{"sku_id": "P1", "sku_name": "", "unit_cost": "12,50", "rework_cost": "3"}],
        stations=[{"station_id": "S1", "line_id": "L9", "station_type": " AOI  camera "}],
        defect_inspection_records=[
            inspection("I1", raw_category="Kratzer", inspection_source="robot", defect_image="../x.png", sku_id="P9")
        ],
        human_reviews=[
            {"review_id": "R1", "inspection_id": "I9", "reviewed_at": "2026-09-01", "reviewer_id": "Q",
             "review_reason": "mood", "is_blind": "perhaps",
             "reviewed_category": "no defect", "reviewed_action": "Ship"}
        ],
    )  # fmt: skip
    dbt = build()
    assert set(dbt.query("select table_name, row_key, column_name, issue, raw_value from ods_field_issues")) == {
        ("skus", "P1", "sku_name", "required column empty", None),
        ("skus", "P1", "unit_cost", "not a number", "12,50"),
        ("stations", "S1", "line_id", "unknown reference", "L9"),
        ("defect_inspection_records", "I1", "raw_category", "unknown label", "Kratzer"),
        ("defect_inspection_records", "I1", "inspection_source", "unknown label", "robot"),
        ("defect_inspection_records", "I1", "defect_image", "unsafe image path", "../x.png"),
        ("defect_inspection_records", "I1", "sku_id", "unknown reference", "P9"),
        ("human_reviews", "R1", "inspection_id", "unknown inspection", "I9"),
        ("human_reviews", "R1", "review_reason", "unknown label", "mood"),
        ("human_reviews", "R1", "is_blind", "not a boolean", "perhaps"),
        ("human_reviews", "R1", "reviewed_action", "unknown label", "Ship"),
    }
    assert dbt.query(
        "select inspection_source, raw_category, defect_image, sku_id from ods_defect_inspection_records"
    ) == [(None, None, None, "P9")]
    assert dbt.value("select unit_cost from ods_skus") is None
    assert dbt.value("select station_type from ods_stations") == "aoi camera"


def test_a_synonym_is_opted_in_by_the_seed(build, write_landing, project_copy):
    write_landing(
        defect_inspection_records=[
            inspection("I1", raw_category=" 外观缺陷 "),
            inspection("I2", raw_category="Scratch"),
        ]
    )
    assert (
        build("--select", "+ods_defect_inspection_records").value(
            "select count(raw_category) from ods_defect_inspection_records"
        )
        == 0
    )
    (project_copy / "seeds" / "label_synonyms.csv").write_text(
        "label_set,spelling,label\ncategory,外观缺陷,appearance  defect\n# category,Scratch,Appearance Defect\n"
    )
    dbt = build("--select", "+ods_defect_inspection_records")
    opted_in = Dbt(dbt.folder, dbt.landing, project=project_copy)
    opted_in.build("--select", "+ods_defect_inspection_records")
    assert opted_in.query("select inspection_id, raw_category from ods_defect_inspection_records order by 1") == [
        ("I1", "Appearance Defect"),
        ("I2", None),
    ]


def test_the_result_does_not_depend_on_the_order_of_rows_and_files(tmp_path):
    """Corrections with equal times and clashing readings are settled the same way whichever stands first."""
    readings = [
        {"reading_time": "2026-09-01 10:00:00", "equipment_id": "S1", "parameter": "t", "value": value}
        for value in ("1", "2", "3", "nan")
    ]
    rows = [inspection("I1", description=words) for words in ("one", "two", "three", "two")] + [inspection("I2")]
    results = []
    for name, order in (("forward", 1), ("backward", -1)):
        landing = write_tables(
            tmp_path / name / "landing", defect_inspection_records=rows[::order], sensor_readings=readings[::order]
        )
        dbt = Dbt(tmp_path / name, landing)
        dbt.build(*ODS)
        results.append(
            [
                dbt.query(
                    "select inspection_id, description, version_count, is_version_tie "
                    "from ods_defect_inspection_records order by 1"
                ),
                dbt.query("select value, version_count from ods_sensor_readings"),
                dbt.query("select * from ods_row_counts order by 1"),
            ]
        )
    assert results[0] == results[1]
    assert results[0][0] == [("I1", "two", 3, True), ("I2", None, 1, False)]
    assert results[0][1] == [(3.0, 3)]


def test_required_tables_of_the_contract_are_the_ones_that_are_missed(build, tmp_path):
    (tmp_path / "landing").mkdir()
    output = build(succeeds=False).run_result.output
    for table in minimal_tables():
        assert f"landing table {table} is missing" in output


@pytest.mark.parametrize(
    "root", ["../pictures", "./../pictures//", "landing/../../pictures", "{absolute}/landing/../../pictures"]
)
def test_an_image_root_may_be_written_in_any_way(tmp_path, root):
    folder = tmp_path / "plant"
    write_tables(
        folder / "landing",
        defect_inspection_records=[
            inspection("I1", defect_image="a b/it's.png"),
            inspection("I2", defect_image="gone.png"),
        ],
        inspection_images=[image("a b/it's.png"), image("gone.png")],
    )
    (tmp_path / "pictures" / "a b").mkdir(parents=True)
    (tmp_path / "pictures" / "a b" / "it's.png").write_bytes(b"x")
    dbt = Dbt(folder, folder / "landing", image_root=root.format(absolute=folder))
    dbt.build("--select", "+inspection_image_states")
    assert dbt.query("select inspection_id, image_state from inspection_image_states order by 1") == [
        ("I1", "readable"),
        ("I2", "missing_file"),
    ]
