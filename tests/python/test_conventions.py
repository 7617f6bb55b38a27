"""What every part of the project keeps to, checked on its own files and on the manifest."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import dbt.jsonschemas
import duckdb
import jsonschema
import pytest
import yaml
from conftest import PROJECT, Dbt

from faultline.__main__ import main

PROPERTY_FILES = sorted(
    path for folder in ("models", "seeds", "macros", "tests") for path in (PROJECT / folder).rglob("*.yml")
)
SQL_FILES = sorted(path for folder in ("models", "macros", "tests") for path in (PROJECT / folder).rglob("*.sql"))
ADAPTER_BODY = re.compile(r"^(default|duckdb|clickzetta)__")


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.fixture(scope="module")
def built(small_plant, tmp_path_factory) -> Dbt:
    """The small demo plant, built with every test, and documented."""
    folder = tmp_path_factory.mktemp("conventions")
    dbt = Dbt(folder, small_plant / "landing", is_parsed_before=False)
    dbt.run("build")
    dbt.run("docs", "generate")
    return dbt


@pytest.fixture(scope="module")
def manifest(built) -> dict:
    return json.loads((built.folder / "target" / "manifest.json").read_text())


def nodes(manifest: dict, *kinds: str) -> list[dict]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] in kinds]


def test_every_model_seed_and_column_is_described(built, manifest):
    catalog = json.loads((built.folder / "target" / "catalog.json").read_text())
    problems = []
    for node in nodes(manifest, "model", "seed"):
        if not node["description"].strip():
            problems.append(f"{node['name']} has no description")
        described = {name.lower() for name, column in node["columns"].items() if column["description"].strip()}
        columns = {name.lower() for name in catalog["nodes"][node["unique_id"]]["columns"]}
        problems += [f"{node['name']}.{column} is not described" for column in sorted(columns - described)]
        problems += [f"{node['name']}.{column} is described but not there" for column in sorted(described - columns)]
    assert not problems


def test_every_macro_and_argument_is_described(manifest):
    problems = []
    for macro in manifest["macros"].values():
        if (
            macro["package_name"] != "faultline"
            or ADAPTER_BODY.match(macro["name"])
            or macro["name"].startswith("materialization_")
        ):
            continue
        if not macro["description"].strip():
            problems.append(f"macro {macro['name']} has no description")
        signature = re.search(
            rf"(?:macro|test)\s+{macro['name'].removeprefix('test_')}\s*\((.*?)\)\s*-?%}}",
            macro["macro_sql"],
            re.DOTALL,
        )
        named = (
            re.findall(r"(\w+)\s*(?:=|,|$)", re.sub(r"=\s*(\[[^\]]*\]|[^,]+)", "=", signature.group(1)))
            if signature
            else []
        )
        if [argument["name"] for argument in macro["arguments"]] != named:
            problems.append(
                f"macro {macro['name']} takes {named} but describes {[a['name'] for a in macro['arguments']]}"
            )
        problems += [
            f"argument {a['name']} of {macro['name']}"
            for a in macro["arguments"]
            if not (a["description"] and a["type"])
        ]
    assert not problems


def test_every_model_has_a_tested_grain(manifest):
    """A model that people read has a key: a unique column or a unique combination."""
    keyed = set()
    for test in nodes(manifest, "test"):
        if test.get("test_metadata", {}) and test["test_metadata"]["name"] in ("unique", "unique_combination"):
            keyed.add(test["attached_node"])
    rows_by_design = ("landing_", "checked_", "ods_quarantine", "ods_field_issues")
    without_key = (
        *("ods_process_measurements", "ods_attribute_samples", "ods_ai_recorded_answers"),
        # Rows of charts that have none of their own; spc_samples and spc_points, which they end in, have one.
        *("spc_inspection_counts", "spc_counts", "spc_measurements", "spc_event_gaps", "spc_phased_samples"),
        *("spc_shewhart_points", "spc_time_weighted_points"),
    )
    missing = [
        node["name"]
        for node in nodes(manifest, "model")
        if node["unique_id"] not in keyed
        and not node["name"].startswith(rows_by_design)
        and node["name"] not in without_key
    ]
    assert not missing


@pytest.mark.parametrize("path", [*PROPERTY_FILES, PROJECT / "dbt_project.yml"], ids=name_of)
def test_property_files_fit_the_schema_of_dbt(path):
    """DuckDB is not among the adapters for which dbt checks this itself: a misspelt key would pass without a word."""
    folder = Path(dbt.jsonschemas.__file__).parent
    schema = folder / "resources" / "latest.json"
    if path.name == "dbt_project.yml":
        schema = max((folder / "project").glob("*.json"), key=lambda file: [int(part) for part in file.stem.split(".")])
    # An expression stands for one of the values that the schema lists.
    text = (
        re.sub(r'"{{[^"]*}}"', "table", path.read_text(encoding="utf-8"))
        if path.name == "dbt_project.yml"
        else path.read_text()
    )
    content = yaml.safe_load(text)
    errors = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in jsonschema.Draft7Validator(json.loads(schema.read_text())).iter_errors(content)
        if not allowed(error)
    ]
    assert not errors


def allowed(error: jsonschema.ValidationError) -> bool:
    """Keys of dbt-clickzetta, which the schema does not know."""
    return bool(re.search(r"'\+?(vcluster|refresh_interval|refresh_vc|full_refresh_strategy)'", error.message))


@pytest.mark.parametrize("path", SQL_FILES, ids=name_of)
def test_sql_keeps_to_the_house_rules(path):
    text = path.read_text(encoding="utf-8")
    if path.is_relative_to(PROJECT / "models"):
        assert "target.type" not in text, "engine differences belong in dispatched macros"
        assert text.count("\n") <= 200, "split the model"
    assert not re.search(r"adapter\.dispatch\('\w+'\)", text), "dispatch names the package: 'faultline'"
    assert "\t" not in text
    assert not re.search(r"\bcurrent_(date|timestamp)\b", text) or path.is_relative_to(PROJECT / "macros")


@pytest.mark.parametrize("path", PROPERTY_FILES, ids=name_of)
def test_yaml_is_of_2026(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert "version" not in content
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^\s+tests:", text, re.MULTILINE), "data_tests:"


def test_landing_models_describe_their_contract(manifest):
    """The YAML of a landing model names the columns of its contract as required or optional, as the SQL has them."""
    for node in nodes(manifest, "model"):
        if not node["name"].startswith("landing_"):
            continue
        required, optional = re.search(
            r"required_columns=\[(.*?)\](?:.*?optional_columns=\[(.*?)\])?", node["raw_code"], re.DOTALL
        ).groups()
        wanted = dict.fromkeys(re.findall(r"'(\w+)'", required), "Required")
        wanted |= dict.fromkeys(re.findall(r"'(\w+)'", optional or ""), "Optional")
        described = {
            name: column["description"].split(",")[0]
            for name, column in node["columns"].items()
            if name != "landing_file"
        }
        assert described == wanted, node["name"]


def test_the_docs_list_every_landing_table_with_its_columns():
    listed = {}
    for line in (PROJECT / "docs" / "landing.md").read_text(encoding="utf-8").splitlines():
        if row := re.fullmatch(r"\| `(\w+)`( \*)? \|[^|]*\|([^|]*)\|", line):
            columns = re.findall(r"(\w+)(\??)(?:,|$)", re.sub(r" \([^)]*\)", "", row[3].strip()))
            listed[row[1]] = (bool(row[2]), {name: bool(mark) for name, mark in columns})
    wanted = {}
    for path in (PROJECT / "models" / "ods" / "landing").glob("landing_*.sql"):
        text = path.read_text(encoding="utf-8")
        required, _, optional = text.partition("optional_columns")
        columns = dict.fromkeys(re.findall(r"'(\w+)',\n", required.partition("[")[2]), False)
        columns |= dict.fromkeys(re.findall(r"'(\w+)',\n", optional), True)
        wanted[path.stem.removeprefix("landing_")] = ("is_optional_table=false" not in text, columns)
    assert listed == wanted


def test_names_in_the_docs_are_names_of_the_project():
    """A model, seed, var, macro or column that was renamed or never came: its name stands nowhere else."""
    folders = ("models", "macros", "seeds", "scripts", "profiles", "benchmarks", "tests")
    of_dbt = {"escape_single_quotes"}
    sources = [path for folder in folders for path in (PROJECT / folder).rglob("*") if path.suffix != ".pyc"]
    files = [path for path in [*sources, PROJECT / "dbt_project.yml"] if path.is_file()]
    words = {word for path in files for word in [path.stem, *re.findall(r"\w+", path.read_text(encoding="utf-8"))]}
    words |= {path.name for path in sources}
    problems = []
    for path in [*(PROJECT / "docs").glob("*.md"), PROJECT / "README.md", PROJECT / "CONTRIBUTING.md"]:
        for name in re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", path.read_text(encoding="utf-8")):
            if name not in words | of_dbt:
                problems.append(f"{name_of(path)}: {name}")
    assert not problems


def test_the_folders_that_contributing_lists_are_there():
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    marts = re.search(r"`models/marts/<subject>` \| ([^|]*) \|", text)[1].split(", ")
    macros = re.findall(r"`(\w+)`", re.search(r"`macros/<kind>` \| ([^|]*) \|", text)[1])
    for folder, listed in (("models/marts", marts), ("macros", macros)):
        assert sorted(listed) == sorted(path.name for path in (PROJECT / folder).iterdir() if path.is_dir())


def test_every_var_stands_in_the_readme():
    variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    docs = (
        "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "docs").rglob("*.md"))
        if (PROJECT / "docs").is_dir()
        else ""
    )
    assert [name for name in variables if f"`{name}`" not in readme + docs] == []


def test_no_secret_and_no_path_of_a_machine_is_in_the_compiled_sql(built):
    for path in (built.folder / "target" / "compiled").rglob("*.sql"):
        assert str(PROJECT) not in path.read_text(encoding="utf-8"), path


def test_images_beside_the_landing_are_found_without_being_named(built):
    readable, landed = built.query("""
        select count(*) filter (image_state = 'readable'), (select count(*) from ods_inspection_images) from inspections
    """)[0]
    assert 0.9 * landed < readable <= landed


def test_the_summary_counts_the_build(built, capsys):
    assert main(["summary", "--database", str(built.database)]) == 0
    printed = capsys.readouterr().out
    inspections = built.value("select count(*) from inspections")
    calls = built.value("select sum(calls_made) from tiering_savings")
    assert re.search(rf"inspections +{inspections:,}\n", printed)
    assert re.search(rf"AI calls made +{calls:,}\n", printed)
    assert re.search(rf"answered by the mock, not by a model +{calls:,}\n", printed)


def test_the_command_of_the_summary_runs_as_it_is_printed(built, capsys):
    main(["summary", "--database", str(built.database)])
    (command,) = re.findall(r"^ *(\.venv/bin/dbt show .*)$", capsys.readouterr().out, re.MULTILINE)
    environment = {
        **os.environ,
        "FAULTLINE_DUCKDB_PATH": str(built.database),
        "FAULTLINE_LANDING": str(built.landing),
        "DBT_TARGET_PATH": str(built.folder / "shown"),
        "DBT_LOG_PATH": str(built.folder / "shown"),
    }
    here = command.replace(".venv/bin/dbt", str(Path(sys.executable).with_name("dbt")))
    done = subprocess.run(["sh", "-c", here], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "inspection_id" in done.stdout


def test_the_summary_says_what_is_missing(tmp_path, capsys):
    assert main(["summary", "--database", str(tmp_path / "none.duckdb")]) == 2
    assert "run make build first" in capsys.readouterr().err
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    assert main(["summary", "--database", str(tmp_path / "empty.duckdb")]) == 2
    assert "holds no inspections" in capsys.readouterr().err
