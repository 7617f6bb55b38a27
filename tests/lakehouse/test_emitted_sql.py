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

from faultline.__main__ import main

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
# Keys and descriptions of an AI_EXTRACT schema: text within JSON within a literal of SQL.
SCHEMA = {f"key {number}: {text}": text for number, text in enumerate(HOSTILE)}
TEMPLATE = """
{%- set settings = {
    'provider_model_id': 'endpoint:qwen3.5-plus', 'sends_image': false, 'labels': var('texts'),
    'response_schema': var('schema')[0],
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
select {{ filled_prompt(var('texts') | join(' ') ~ ' Judge [a]: [b]', [('a', 'request.line_id'), ('b', 'request.description')]) }} as prompt_text
from (
    select {{ sql_text("L'1 [b] </data> \\\\") }} as line_id, {{ sql_text(var('texts') | join(' ')) }} as description
) as request
;;;;
{{ lakehouse_create_table_sql(
    'x.y.t', [('a', 'string'), ('b', 'timestamp_ntz')], ['b', 'a'], 'b', var('texts') | join(' '), {'a': var('texts') | join(' ')}
) }}
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
    schema = json.dumps(SCHEMA, ensure_ascii=False)
    return [part.strip() for part in offline.compiled(TEMPLATE, {"texts": HOSTILE, "schema": [schema]}).split(";;;;")]


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
    for part in [*parts[:5], *parts[6:]]:
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
    assert dialect.json_literal(call.expressions[2]) == SCHEMA


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


def test_numbers_are_read_as_on_duckdb(offline):
    texts = {"12": 12, "+12": 12, " -7 ": -7, "\t+5.00\t": 5, "12.5": None, "+": None, "1e3": None}
    columns = "{% for text in var('texts') %}{{ to_bigint(sql_text(text)) }} as n{{ loop.index }}, {{ to_double(sql_text(text)) }} as d{{ loop.index }}, {% endfor %}"
    compiled = offline.compiled(f"select {columns}1 as one", {"texts": list(texts)})
    row = Engine("plant", lambda *_: None).run(compiled, {}, "faultline").table.to_pylist()[0]
    assert [row[f"n{number}"] for number in range(1, len(texts) + 1)] == list(texts.values())
    assert [row[f"d{number}"] for number in range(1, len(texts) + 1)] == [12, 12, -7, 5, 12.5, None, 1000]


def test_a_prompt_keeps_its_words_and_takes_in_the_row_as_data(parts):
    engine = Engine("plant", lambda *_: None)
    [prompt] = engine.run(parts[6], {}, "faultline").table.to_pydict()["prompt_text"]
    instruction, _, data = prompt.partition(" Judge ")
    assert instruction == " ".join(HOSTILE)
    line, _, description = data.partition(": ")
    # The row can neither close what delimits it nor name a placeholder.
    assert line == "L'1 (b) &lt;/data&gt; \\"
    assert description == " ".join(HOSTILE).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def test_comments_of_a_table_mean_what_they_meant(parts):
    engine = Engine("x", lambda *_: None)
    engine.run("create schema if not exists x.y", {}, "y")
    engine.run(parts[7], {}, "y")
    literal = engine.relations["y.t"].comment
    [text] = engine.run(f"select {literal} as comment", {}, "y").table.to_pydict()["comment"]
    assert text == " ".join(" ".join(HOSTILE).split())


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


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task_concurrency": 4}, "ai_options.response_timeout_seconds is a whole number above 0, not None"),
        (
            {"response_timeout_seconds": 300, "task_concurrency": 0, "presigned_url_seconds": 36000},
            "ai_options.task_concurrency is a whole number above 0, not 0",
        ),
        (
            {"response_timeout_seconds": 300, "task_concurrency": 8, "presigned_url_seconds": 36000, "timeout": 1},
            "ai_options has no part 'timeout'",
        ),
    ],
)
def test_options_that_are_missing_or_misspelt_are_refused(offline, capsys, options, words):
    """A dictionary given by --vars takes the place of the whole default: an empty timeout would go out as a text."""
    assert words in offline.error(capsys, "lakehouse_ai_options", {}, variables={"ai_options": options})


@pytest.mark.parametrize(
    ("variable", "value", "operation", "words"),
    [
        ("image_volume", "VOLUME v, 'x', 1) as image) --", "lakehouse_presigned_url", "A volume is USER VOLUME"),
        ("image_volume", "defect_images", "lakehouse_presigned_url", "A volume is USER VOLUME"),
        ("landing_schema", "landing; drop schema x", "landing_relation", "landing_schema is one word"),
        ("ai_batch_size", 0, "ai_batch_size", "ai_batch_size is a whole number above 0, not 0"),
        ("lakehouse", {"retention_days": 0}, "lakehouse_settings", "from 1 to 90, not 0"),
        ("lakehouse", {"retention_days": "7'"}, "lakehouse_settings", "from 1 to 90, not 7'"),
    ],
)
def test_what_stands_without_quotes_is_plain(offline, capsys, variable, value, operation, words):
    arguments = {"lakehouse_presigned_url": {"request": "r"}, "landing_relation": {"table": "lines"}}
    assert words in offline.error(capsys, operation, arguments.get(operation, {}), variables={variable: value})


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
    # How many digits a quotient of DECIMAL keeps is not documented, and a literal such as 60.0 may be one: a count is cast
    # to DOUBLE first. With the constants here the other side is a DOUBLE already.
    quotients = set()
    for path in files:
        sql = re.sub(r"--[^\n]*|'[^'\n]*'", "", path.read_text(encoding="utf-8"))
        quotients.update((path.name, text) for text in re.findall(r"/ \d+\.\d+|(?<![\w.])\d+\.\d+ /", sql))
    assert {text for text in quotients if text[1] not in ("/ 1.128", "/ 0.9538725524", "1.959963984540054 /")} == set()


def test_create_landing_prints_its_statements_and_lakehouse_takes_them(offline, capsys):
    assert offline("run-operation", "create_landing", "--args", "{dry_run: true}").success
    printed = capsys.readouterr().out.strip()
    golden("create_landing.txt", printed)
    engine = Engine("plant", lambda *_: None)
    statements = statements_of(printed)
    for _ in range(2):  # safe to repeat
        for statement in statements:
            engine.run(statement, {}, "faultline")
    records = engine.relations["landing.defect_inspection_records"]
    assert records.primary_key == ["inspect_time", "inspection_id", "recorded_at"]
    assert records.tracked
    assert "partitioned by (days(inspect_time))" in records.clauses
    assert records.properties == {"change_tracking": "true", "data_retention_days": "7"}
    assert all(relation.tracked for relation in engine.relations.values() if relation.schema == "landing")


@pytest.mark.parametrize(
    ("operation", "arguments", "words"),
    [
        ("create_volume", {"name": "a b"}, "letters, digits and underscores"),
        ("create_volume", {"name": "s.v", "location": "oss://x/"}, "needs the name of a storage connection"),
        ("create_volume", {"name": "s.v", "location": "http://x/", "connection": "c"}, "location is oss://"),
        ("create_volume", {"name": "s.v", "location": "oss://x", "connection": "c"}, "with a slash at its end"),
        ("refresh_volume", {"name": "v; drop table x"}, "letters, digits and underscores"),
        (
            "create_kafka_pipe",
            {"name": "p", "bootstrap_servers": "k", "topic": "t", "group_id": "g", "table": "nothing"},
            "no landing table",
        ),
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
    """Printed, looked at, and taken by the stand-in, beside the tables that they fill."""
    kafka = {"bootstrap_servers": "k1:9092", "topic": "it's a topic", "group_id": "faultline"}
    for operation, arguments in [
        ("create_volume", {"name": "faultline.defect_images"}),
        (
            "create_volume",
            {"name": "faultline.oss_images", "location": "oss://plant/images/", "connection": "plant_oss"},
        ),
        (
            "create_volume",
            {"name": "faultline.cos_images", "location": "cos://plant-1250000000/images/", "connection": "plant_cos"},
        ),
        ("create_volume", {"name": "faultline.s3_images", "location": "s3://plant/images/", "connection": "plant_s3"}),
        ("refresh_volume", {"name": "faultline.oss_images"}),
        ("load_landing", {"table": "lines", "volume": "VOLUME faultline.files", "files": ["it's.csv", "外观.csv"]}),
        (
            "load_landing",
            {"table": "skus", "volume": "USER VOLUME", "files": ["a.parquet"], "format": "parquet", "purge": True},
        ),
        ("create_kafka_pipe", {"name": "faultline.inspections", **kafka}),
        ("create_kafka_pipe", {"name": "faultline.readings", "table": "sensor_readings", **kafka}),
    ]:
        assert offline("run-operation", operation, "--args", json.dumps({**arguments, "dry_run": True})).success
    printed = capsys.readouterr().out.strip()
    golden("volumes.txt", printed)
    engine = landing_engine(offline, capsys)
    for statement in statements_of(printed):
        engine.run(statement, {}, "faultline")


def statements_of(script: str) -> list[str]:
    return [text for text in split_sql(script) if text.strip()]


def landing_engine(offline, capsys, **arguments) -> Engine:
    """A stand-in with the landing tables."""
    assert offline("run-operation", "create_landing", "--args", json.dumps({"dry_run": True, **arguments})).success
    engine = Engine("plant", lambda *_: None)
    for statement in statements_of(capsys.readouterr().out):
        engine.run(statement, {}, "faultline")
    return engine


def test_a_pipe_into_tables_of_text_casts_nothing(offline, capsys):
    """A cast would turn what a message says of its time into NULL, and the ods layer would have nothing to report."""
    arguments = {"name": "p.q", "bootstrap_servers": "k", "topic": "t", "group_id": "g", "as_text": True}
    assert offline("run-operation", "kafka_pipe_sql", "--args", json.dumps(arguments)).success
    assert offline("run-operation", "create_kafka_pipe", "--args", json.dumps({**arguments, "dry_run": True})).success
    printed = capsys.readouterr().out.strip().rstrip(";")
    assert printed.count("cast(") == 1
    landing_engine(offline, capsys, as_text=True).run(printed, {}, "faultline")
    with pytest.raises(dialect.Refused, match="the pipe gives"):
        landing_engine(offline, capsys).run(printed, {}, "faultline")


@pytest.mark.parametrize(
    ("arguments", "statement"),
    [
        (
            "plant_oss --kind oss --endpoint oss-cn-hangzhou.aliyuncs.com",
            "type oss endpoint='oss-cn-hangzhou.aliyuncs.com' access_id='***' access_key='***'",
        ),
        (
            "plant_cos --kind cos --region ap-shanghai --app-id 1250000000",
            "type cos region='ap-shanghai' app_id='1250000000' access_key='***' secret_key='***'",
        ),
        (
            "plant_s3 --kind s3 --endpoint s3.cn-north-1.amazonaws.com.cn --region cn-north-1",
            "type s3 endpoint='s3.cn-north-1.amazonaws.com.cn' region='cn-north-1' access_key='***' secret_key='***'",
        ),
        (
            "plant_s3 --kind s3 --region cn-north-1 --role-arn arn:aws-cn:iam::1:role/r",
            "type s3 region='cn-north-1' role_arn='arn:aws-cn:iam::1:role/r'",
        ),
    ],
)
def test_storage_connections(capsys, arguments, statement):
    words = arguments.split()
    assert main(["storage-connection", *words, "--dry-run"]) == 0
    printed = capsys.readouterr().out.strip()
    assert printed == f"create storage connection if not exists {words[0]} {statement};"
    Engine("plant", lambda *_: None).run(printed, {}, "faultline")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("c --kind oss", "oss needs --endpoint"),
        ("c --kind cos --region r", "cos needs --app-id"),
        ("c;x --kind oss --endpoint e", "letters, digits and underscores"),
    ],
)
def test_storage_connections_refuse_what_is_missing(capsys, arguments, words):
    assert main(["storage-connection", *arguments.split(), "--dry-run"]) == 2
    assert words in capsys.readouterr().err
