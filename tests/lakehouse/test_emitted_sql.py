"""The text that is sent: AI calls and DDL, for ordinary and for hostile names, labels and prompts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from clickzetta.connector.v0.utils import split_sql
from conftest import dbt
from standin import dialect
from standin.engine import Engine

GOLDEN = Path(__file__).parent / "golden"
NOBODY = {
    "CZ_SERVICE": "nowhere.invalid", "CZ_INSTANCE": "i", "CZ_WORKSPACE": "plant", "CZ_USER": "u", "DBT_ENV_SECRET_CZ_PASSWORD": "p",
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


def compiled(tmp_path: Path, template: str, variables: dict) -> str:
    run = dbt(
        NOBODY, tmp_path / "target", "--quiet", "--no-populate-cache", "compile", "--no-introspect", "--target", "lakehouse", "--output", "json",
        "--inline", template, variables=variables,
    )
    assert run.code == 0, run.output
    return json.loads(run.output[run.output.index("{"):run.output.rindex("}") + 1])["compiled"]


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("emitted")
    schema = json.dumps({"location": 'where, e.g. "left"', "note": "it's a \\ b\nc"}, ensure_ascii=False)
    return [part.strip() for part in compiled(folder, TEMPLATE, {"texts": HOSTILE, "schema": schema}).split(";;;;")]


def golden(name: str, text: str) -> None:
    """Compares with the file; without a file writes it, to be looked at and committed."""
    path = GOLDEN / name
    if not path.exists():
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
        pytest.fail(f"{path} was not there and has been written: look at it")
    assert text + "\n" == path.read_text(encoding="utf-8")


def test_ai_calls_and_ddl_are_as_they_were_looked_at(parts):
    golden("emitted.sql", "\n\n".join(parts))


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
        "model.params": {"enable_thinking": False, "temperature": 0}, "response.timeout": "300", "task.concurrency": "8",
    }


def test_a_schema_comes_back_as_json(parts):
    [call] = dialect.ai_calls(dialect.parse_query(parts[1]))
    assert dialect.json_literal(call.expressions[2]) == {"location": 'where, e.g. "left"', "note": "it's a \\ b\nc"}


def test_complete_sends_the_picture_only_where_the_prompt_does(parts):
    assert "image" not in parts[2]
    assert re.search(r"\(request\.prompt_text as prompt, get_presigned_url\(USER VOLUME, request\.image_path, 36000\) as image\)", parts[3])


def test_texts_mean_what_they_meant(parts):
    engine = Engine("plant", lambda *_: None)
    row = engine.run(parts[4], {}, "faultline").table.to_pylist()[0]
    assert list(row.values()) == HOSTILE


@pytest.mark.parametrize("text", ["a %(hints)s b", "test plain returns", "test unicode returns"])
def test_what_the_connector_would_change_or_drop_is_refused(tmp_path, text):
    run = dbt(
        NOBODY, tmp_path, "--quiet", "--no-populate-cache", "compile", "--no-introspect", "--target", "lakehouse", "--inline",
        "select {{ sql_text(var('text')) }} as a", variables={"text": text},
    )
    assert run.code != 0
    assert "cannot be sent to Lakehouse" in run.output


def test_a_batch_that_may_outlive_its_urls_is_refused(tmp_path):
    run = dbt(
        NOBODY, tmp_path, "--quiet", "--no-populate-cache", "compile", "--no-introspect", "--target", "lakehouse", "--inline",
        "{{ check_presigned_url_time() }} select 1 as a",
        variables={"ai_batch_size": 1000, "ai_options": {"response_timeout_seconds": 300, "task_concurrency": 8, "presigned_url_seconds": 36000}},
    )
    assert run.code != 0
    assert "37500 s, longer than the image URLs live (36000 s)" in run.output


def test_every_compiled_file_is_sql_of_lakehouse(tmp_path):
    run = dbt(NOBODY, tmp_path, "--quiet", "--no-populate-cache", "compile", "--no-introspect", "--target", "lakehouse")
    assert run.code == 0, run.output
    files = [path for path in (tmp_path / "compiled").rglob("*.sql") if path.is_file()]
    assert len(files) > 150
    refused = []
    for path in files:
        try:
            dialect.to_duckdb(dialect.parse_query(path.read_text(encoding="utf-8")))
        except dialect.Refused as error:
            refused.append(f"{path.name}: {error}")
    assert refused == []


def test_create_landing_prints_its_statements_and_lakehouse_takes_them(tmp_path):
    run = dbt(NOBODY, tmp_path, "--quiet", "--no-populate-cache", "run-operation", "create_landing", "--target", "lakehouse", "--args", "{dry_run: true}")
    assert run.code == 0, run.output
    golden("create_landing.sql", run.output.strip())
    engine = Engine("plant", lambda *_: None)
    statements = [text for text in split_sql(run.output) if text.strip()]
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
        ("create_volume", {"name": "s.v", "location": "http://x/"}, "needs the name of a storage connection"),
        ("create_storage_connection", {"name": "c", "kind": "ftp"}, "kind is oss, cos or s3"),
        ("create_storage_connection", {"name": "c", "kind": "oss"}, "oss needs endpoint"),
        ("load_landing", {"table": "nothing", "volume": "user volume", "files": ["a.csv"]}, "no landing table"),
        ("load_landing", {"table": "lines", "volume": "user volume; drop table x", "files": ["a.csv"]}, "A volume is USER VOLUME"),
    ],
)
def test_operations_refuse_what_they_cannot_do(tmp_path_factory, operation, arguments, words):
    folder = tmp_path_factory.getbasetemp() / "operations"
    run = dbt(
        NOBODY, folder, "--no-populate-cache", "run-operation", operation, "--target", "lakehouse", "--args", json.dumps({**arguments, "dry_run": True})
    )
    assert run.code != 0
    assert words in run.output


def test_volumes_files_and_pipes(tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "operations"
    printed = []
    for operation, arguments in [
        ("create_volume", {"name": "faultline.defect_images"}),
        ("create_storage_connection", {"name": "plant_oss", "kind": "oss", "endpoint": "oss-cn-hangzhou.aliyuncs.com"}),
        ("create_volume", {"name": "faultline.oss_images", "location": "oss://plant/images/", "connection": "plant_oss"}),
        ("load_landing", {"table": "lines", "volume": "VOLUME faultline.files", "files": ["it's.csv"]}),
        ("create_kafka_pipe", {"name": "faultline.inspections", "bootstrap_servers": "k1:9092", "topic": "inspections", "group_id": "faultline"}),
    ]:
        run = dbt(
            NOBODY, folder, "--quiet", "--no-populate-cache", "run-operation", operation, "--target", "lakehouse",
            "--args", json.dumps({**arguments, "dry_run": True}),
        )
        assert run.code == 0, run.output
        printed.append(run.output.strip())
    golden("volumes.sql", "\n\n".join(printed))
    assert "***" in printed[1]


