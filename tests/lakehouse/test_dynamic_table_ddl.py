"""The DDL of a dynamic table, from what a model and the var lakehouse ask for."""

from __future__ import annotations

import re

import pytest
from clickzetta.connector.v0.utils import split_sql
from harness import Project
from standin.engine import Engine

QUERY = "select cast(1 as bigint) as id, 'L1' as line"
TEMPLATE = """
{%- for of_the_model in var('models') -%}
    {%- set node = {'name': 'a_model', 'description': "it's", 'columns': {}, 'config': {'meta': {'lakehouse': of_the_model}}} -%}
    {%- set settings = dynamic_table_settings(node) -%}
    {{ create_dynamic_table_sql('plant.q.t', var('query'), settings, dynamic_table_fingerprint(settings, var('query'))) }}
    ;;;;
{%- endfor %}
{{ lakehouse_change_tracking_sql('plant.q.source') }}
"""
COMMENT = r"comment 'it\\'s \(faultline sql ([0-9a-f]{12})\)'"

# What a model asks; the clauses without anything in the var, and with the var's own schedule.
SCHEDULE = {"refresh_interval": "10 minute", "vcluster": "gp"}
CLAUSES = [
    ({}, "{comment} as", "{comment} refresh interval 10 MINUTE vcluster gp as"),
    ({"refresh_interval": None}, "{comment} as", "{comment} as"),
    ({"refresh_interval": "1 HOUR"}, "{comment} refresh interval 1 HOUR as", "{comment} refresh interval 1 HOUR vcluster gp as"),
    # A cluster is part of a schedule.
    ({"refresh_interval": None, "vcluster": "own"}, "{comment} as", "{comment} as"),
    (
        {"lifecycle_days": 30},
        "{comment} properties('data_lifecycle'='30') as",
        "{comment} properties('data_lifecycle'='30') refresh interval 10 MINUTE vcluster gp as",
    ),
    (
        {"partition_by": ["line"], "clustered_by": ["id"], "buckets": 8, "refresh_interval": "60 second"},
        "partitioned by (line) clustered by (id) into 8 buckets {comment} refresh interval 60 SECOND as",
        "partitioned by (line) clustered by (id) into 8 buckets {comment} refresh interval 60 SECOND vcluster gp as",
    ),
]  # fmt: skip


def ddl(project, models: list[dict], of_the_var: dict) -> list[str]:
    """The DDL of each model, and ALTER TABLE ... SET PROPERTIES of a table that they read."""
    compiled = project.compiled(TEMPLATE, {"query": QUERY, "models": models, "lakehouse": of_the_var})
    return [re.sub(r"\s+", " ", text).strip() for text in compiled.split(";;;;")]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def plain(project) -> list[str]:
    return ddl(project, [model for model, *_ in CLAUSES], {})


@pytest.fixture(scope="module")
def scheduled(project) -> list[str]:
    return ddl(project, [model for model, *_ in CLAUSES], SCHEDULE)


@pytest.mark.parametrize("number", range(len(CLAUSES)))
@pytest.mark.parametrize("form", [1, 2], ids=["plain", "scheduled"])
def test_clauses_stand_in_their_order_or_not_at_all(plain, scheduled, number, form):
    created = (plain if form == 1 else scheduled)[number]
    expected = re.escape(f"create dynamic table plant.q.t {CLAUSES[number][form]} {QUERY}")
    assert re.fullmatch(expected.replace(re.escape("{comment}"), COMMENT), created), created
    engine = Engine("plant", lambda *_: None)
    engine.run("create schema if not exists q", {}, "q")
    [statement] = split_sql(created)
    engine.run(statement, {}, "q")


def test_an_override_of_the_var_names_only_what_it_changes(scheduled):
    assert scheduled[-1].endswith("set properties('change_tracking'='true', 'data_retention_days'='7')")


def test_the_fingerprint_is_that_of_query_and_clauses(plain, scheduled):
    prints = [re.search(COMMENT, text)[1] for text in plain[:-1]]
    assert prints[0] == prints[1] == prints[3]  # without an interval there is no schedule
    assert len(set(prints)) == len(prints) - 2
    assert re.search(COMMENT, scheduled[0])[1] != prints[0]


@pytest.mark.parametrize(
    ("of_the_model", "of_the_var", "words"),
    [
        ({"interval": "10 MINUTE"}, {}, "meta.lakehouse has no 'interval'"),
        ({"refresh_interval": "DOWNSTREAM"}, {}, "a number and SECOND, MINUTE, HOUR or DAY"),
        ({"refresh_interval": "30 SECOND"}, {}, "at most once a minute"),
        ({}, {"refresh": "10 MINUTE"}, "The var lakehouse has no 'refresh'"),
        ({}, {"retention_days": 0}, "from 1 to 90, not 0"),
    ],
)
def test_what_cannot_be_meant_is_an_error(project, capsys, of_the_model, of_the_var, words):
    variables = {"query": QUERY, "models": [of_the_model], "lakehouse": of_the_var}
    assert not project("compile", "--no-introspect", "--inline", TEMPLATE, variables=variables).success
    assert words in capsys.readouterr().out
