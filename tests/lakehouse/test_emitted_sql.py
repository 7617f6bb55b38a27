"""The text that is sent: AI calls and DDL, for ordinary and for hostile names, labels and prompts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from clickzetta.connector.v0.utils import split_sql
from dbt.cli.main import dbtRunner
from harness import ROOT, VARS
from standin import dialect
from standin.engine import Engine

GOLDEN = Path(__file__).parent / "golden"
NOBODY = {
    "CZ_SERVICE": "nowhere.invalid",
    "CZ_INSTANCE": "i",
    "CZ_WORKSPACE": "plant",
    "CZ_USER": "u",
    "DBT_ENV_SECRET_CZ_PASSWORD": "nobodys",
    "CZ_SCHEMA": "faultline",
}
HOSTILE = [
    "plain",
    "it's",
    "'; drop table x; --",
    'say "x"',
    "back\\slash",
    "ends in a backslash\\",
    "\\'",
    "two\nlines\r\nand\ta tab",
    "{{ var('x') }} {% raw %}",
    "-- no comment",
    "/* no comment */",
    "外观缺陷；划痕",
    "`quoted`",
    "$.a %s ?",
    "\\u0041\\n",
]
TEMPLATE = """
{%- set settings = {
    'provider_model_id': 'endpoint:qwen3.5-plus', 'sends_image': false, 'labels': var('texts'),
    'response_schema': var('schema'),
} -%}
select {{ ai_classify(settings) }} as raw from x.y.request
;;;;
select {{ ai_extract(settings) }} as raw from x.y.request
;;;;
select {{ ai_complete(settings) }} as raw from x.y.request
;;;;
{%- do settings.update({'sends_image': true}) %}
select {{ ai_complete(settings) }} as raw from x.y.request
;;;;
select {% for text in var('texts') %}{{ sql_text(text) }} as t{{ loop.index }}{% if not loop.last %}, {% endif %}{% endfor %}
;;;;
{{ create_dynamic_table_sql('x.y.t', 'select 1 as a', {
    'description': var('texts') | join(' '), 'columns': {'a': {'description': "it's \\\\ a"}}, 'partition_by': ['day'],
    'clustered_by': ['line'], 'buckets': 8, 'lifecycle_days': 30, 'refresh_interval': '10 MINUTE', 'vcluster': 'gp',
}, 'faultline sql 0123', ['a'], true) }}
;;;;
{{ filled_prompt('Judge [a]: [b]', [('a', 'request.line_id'), ('b', 'request.description')]) }}
"""


class Offline:
    """dbt in this process, the project parsed once, no connection to anything."""

    def __init__(self, folder: Path):
        self.options = [
            "--project-dir",
            str(ROOT),
            "--profiles-dir",
            str(ROOT / "profiles"),
            "--target",
            "lakehouse",
            "--target-path",
            str(folder),
            "--log-path",
            str(folder),
        ]
        self.folder = folder
        parsed = dbtRunner().invoke(["--quiet", "parse", *self.options, "--vars", json.dumps(VARS)])
        assert parsed.success, parsed.exception
        self.manifest = parsed.result

    def __call__(self, *arguments: str, variables: dict | None = None):
        return dbtRunner(manifest=self.manifest).invoke(
            [
                "--quiet",
                "--no-populate-cache",
                *arguments,
                *self.options,
                "--vars",
                json.dumps({**VARS, **(variables or {})}),
            ]
        )

    def compiled(self, template: str, variables: dict | None = None) -> str:
        done = self("compile", "--no-introspect", "--inline", template, variables=variables)
        assert done.success, done.exception
        return done.result.results[0].node.compiled_code

    def error(self, capsys, operation: str, arguments: dict, variables: dict | None = None) -> str:
        done = self("run-operation", operation, "--args", json.dumps(arguments), variables=variables)
        assert not done.success
        captured = capsys.readouterr()
        return captured.out + captured.err


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in NOBODY.items():
            patch.setenv(name, value)
        yield Offline(tmp_path_factory.mktemp("offline"))


@pytest.fixture(scope="module")
def parts(offline) -> list[str]:
    schema = json.dumps({"location": 'where, e.g. "left"', "note": "it's a \\ b\nc"}, ensure_ascii=False)
    return [part.strip() for part in offline.compiled(TEMPLATE, {"texts": HOSTILE, "schema": schema}).split(";;;;")]


def golden(name: str, text: str) -> None:
    """Compares with the file; without a file writes it, to be looked at and committed."""
    path = GOLDEN / name
    if not path.exists():
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
        pytest.fail(f"{path} was not there and has been written: look at it")
    assert text + "\n" == path.read_text(encoding="utf-8")


def test_ai_calls_and_ddl_are_as_they_were_looked_at(parts):
    golden("emitted.txt", "\n\n".join(parts))


def test_the_connector_sees_one_statement_in_each(parts):
    for part in parts[:5]:
        assert len(split_sql(part)) == 1
    # SET and CREATE: the settings are taken off by the connector, one statement runs.
    assert len(split_sql(parts[5])) == 2


def test_labels_come_back_as_they_went_in(parts):
    tree = dialect.parse_query(parts[0])
    [call] = dialect.ai_calls(tree)
    assert [label.this for label in call.expressions[2].expressions] == HOSTILE
    assert dialect.json_literal(call.expressions[3]) == {
        "model.params": {"enable_thinking": False, "temperature": 0},
        "response.timeout": "300",
        "task.concurrency": "8",
    }


def test_a_schema_comes_back_as_json(parts):
    [call] = dialect.ai_calls(dialect.parse_query(parts[1]))
    assert dialect.json_literal(call.expressions[2]) == {"location": 'where, e.g. "left"', "note": "it's a \\ b\nc"}


def test_complete_sends_the_picture_only_where_the_prompt_does(parts):
    assert "image" not in parts[2]
    assert re.search(
        r"\(request\.prompt_text as prompt, get_presigned_url\(USER VOLUME, request\.image_path, 36000\) as image\)",
        parts[3],
    )


def test_texts_mean_what_they_meant(parts):
    engine = Engine("plant", lambda *_: None)
    row = engine.run(parts[4], {}, "faultline").table.to_pylist()[0]
    assert list(row.values()) == HOSTILE


@pytest.mark.parametrize("text", ["a %(hints)s b", "test plain returns", "test unicode returns"])
def test_what_the_connector_would_change_or_drop_is_refused(offline, capsys, text):
    assert "cannot be sent to Lakehouse" in offline.error(capsys, "clickzetta__sql_text", {"value": text})


def test_a_batch_that_may_outlive_its_urls_is_refused(offline, capsys):
    options = {"response_timeout_seconds": 300, "task_concurrency": 8, "presigned_url_seconds": 36000}
    error = offline.error(
        capsys,
        "check_presigned_url_time",
        {},
        variables={"ai_batch_size": 1000, "ai_options": options},
    )
    assert "37500 s, longer than the image URLs live (36000 s)" in error


def test_every_compiled_file_is_sql_of_lakehouse(offline):
    assert offline("compile", "--no-introspect").success
    files = [path for path in (offline.folder / "compiled").rglob("*.sql") if path.is_file()]
    assert len(files) > 150
    refused = []
    for path in files:
        try:
            dialect.to_duckdb(dialect.parse_query(path.read_text(encoding="utf-8")))
        except dialect.Refused as error:
            refused.append(f"{path.name}: {error}")
    assert refused == []


def test_create_landing_prints_its_statements_and_lakehouse_takes_them(offline, capsys):
    assert offline("run-operation", "create_landing", "--args", "{dry_run: true}").success
    printed = capsys.readouterr().out.strip()
    golden("create_landing.txt", printed)
    engine = Engine("plant", lambda *_: None)
    statements = [text for text in split_sql(printed) if text.strip()]
    for _ in range(2):  # safe to repeat
        for statement in statements:
            engine.run(statement, {}, "faultline")
    records = engine.relations["landing.defect_inspection_records"]
    assert records.primary_key == ["inspect_time", "inspection_id", "recorded_at"]
    assert records.tracked
    assert all(relation.tracked for relation in engine.relations.values() if relation.schema == "landing")


@pytest.mark.parametrize(
    ("operation", "arguments", "words"),
    [
        ("create_volume", {"name": "a b"}, "letters, digits and underscores"),
        ("create_volume", {"name": "s.v", "location": "oss://x/"}, "needs the name of a storage connection"),
        ("create_volume", {"name": "s.v", "location": "http://x/", "connection": "c"}, "location is oss://"),
        ("create_storage_connection", {"name": "c", "kind": "ftp"}, "kind is oss, cos or s3"),
        ("create_storage_connection", {"name": "c", "kind": "oss"}, "oss needs endpoint"),
        ("load_landing", {"table": "nothing", "volume": "user volume", "files": ["a.csv"]}, "no landing table"),
        (
            "load_landing",
            {"table": "lines", "volume": "user volume; drop table x", "files": ["a.csv"]},
            "A volume is USER VOLUME",
        ),
        ("refresh", {"models": ["nothing"]}, "no dynamic table model"),
    ],
)
def test_operations_refuse_what_they_cannot_do(offline, capsys, operation, arguments, words):
    assert words in offline.error(capsys, operation, {**arguments, "dry_run": True})


def test_volumes_files_and_pipes(offline, capsys):
    for operation, arguments in [
        ("create_volume", {"name": "faultline.defect_images"}),
        ("create_storage_connection", {"name": "plant_oss", "kind": "oss", "endpoint": "oss-cn-hangzhou.aliyuncs.com"}),
        (
            "create_storage_connection",
            {"name": "plant_cos", "kind": "cos", "region": "ap-shanghai", "app_id": "1250000000"},
        ),
        (
            "create_storage_connection",
            {"name": "plant_s3", "kind": "s3", "endpoint": "s3.cn-north-1.amazonaws.com.cn", "region": "cn-north-1"},
        ),
        (
            "create_volume",
            {"name": "faultline.oss_images", "location": "oss://plant/images/", "connection": "plant_oss"},
        ),
        ("load_landing", {"table": "lines", "volume": "VOLUME faultline.files", "files": ["it's.csv"]}),
        (
            "create_kafka_pipe",
            {
                "name": "faultline.inspections",
                "bootstrap_servers": "k1:9092",
                "topic": "inspections",
                "group_id": "faultline",
            },
        ),
    ]:
        assert offline("run-operation", operation, "--args", json.dumps({**arguments, "dry_run": True})).success
    printed = capsys.readouterr().out.strip()
    golden("volumes.txt", printed)
    assert printed.count("'***'") == 6
