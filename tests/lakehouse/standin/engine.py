"""Tables, dynamic tables, volumes and AI functions of the stand-in, kept in an in-memory DuckDB."""

from __future__ import annotations

import itertools
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

import duckdb
import pyarrow as pa

from . import dialect
from .dialect import Refused

# Functions of Lakehouse that DuckDB lacks, as macros. crc32 only has to tell texts apart.
MACROS = ("FROM_UTC_TIMESTAMP", "TO_UTC_TIMESTAMP", "GET_JSON_OBJECT", "CRC32", "GET_PRESIGNED_URL")
GROUP_KEY_TYPES = ("string", "tinyint", "smallint", "int", "bigint", "decimal", "boolean", "date", "varchar", "char")
NAME = r"(?:`?\w+`?\.)*`?\w+`?"
TRANSFORMS = ("years", "months", "days", "hours", "bucket", "truncate")
PARTITION_TYPES = ("tinyint", "smallint", "int", "bigint", "string", "char", "varchar", "boolean")
PARTITIONS_OF_ONE_WRITE = 2048
DIRECTORY = r"directory=\(enable=(?:true|false),auto_refresh=(?:true|false)\) recursive=(?:true|false)"
PIPE_PROPERTIES = (
    r"(?:\s+(?:initial_delay_in_seconds|batch_interval_in_seconds|batch_size_per_kafka_partition|"
    r"max_skip_batch_count_on_error|reset_kafka_group_offsets|copy_job_hint) = '[^']*')*"
)
COPY_OPTIONS = (
    r"using (?:csv|parquet|orc|bson)(?: options\((?:'[^']*'='[^']*'(?:, )?)+\))?"
    r"(?: files\(.+?\)| subdirectory '.+?'| regexp '.+?')?(?: purge=true)?(?: on_error=\w+)?"
)
# What a storage connection consists of, by its type: with keys, or with a role.
CONNECTION_PARTS = {
    "oss": [{"endpoint", "access_id", "access_key"}, {"region", "role_arn", "endpoint"}],
    "cos": [{"access_key", "secret_key", "region", "app_id"}, {"region", "role_arn", "app_id"}],
    "s3": [{"access_key", "secret_key", "endpoint", "region"}, {"region", "role_arn"}],
}


@dataclass
class Relation:
    schema: str
    name: str
    kind: str  # table, view, dynamic
    number: int  # a relation that is dropped and created again is another one
    version: int = 0
    tracked: bool = False
    comment: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    primary_key: list[str] = field(default_factory=list)
    query: str = ""
    tree: object = None
    sources: list[str] = field(default_factory=list)
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)  # source -> (number, version) at the last refresh
    never_incremental: str = ""  # why no refresh of this dynamic table can be incremental
    force_full: bool = True
    suspended: bool = False
    clauses: str = ""
    memory: dict[tuple, str] = field(default_factory=dict)  # AI answers an incremental refresh keeps
    partition_day: str = ""  # the column whose days are the partitions

    @property
    def key(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass
class Result:
    table: pa.Table | None = None
    types: list[str] = field(default_factory=list)


def unquote(name: str) -> str:
    return name.replace("`", "").strip().lower()


class Engine:
    """One workspace."""

    def __init__(
        self, workspace: str, answer: Callable[[str, list], str | None], default_time_zone: str = "Asia/Shanghai"
    ):
        self.workspace = workspace
        self.answer = answer
        self.default_time_zone = default_time_zone
        self.lock = threading.RLock()
        self.relations: dict[str, Relation] = {}
        self.schemas: set[str] = {"public"}
        self.numbers = itertools.count(1)
        self.history: list[dict] = []
        self.log: list[dict] = []
        self.ai_calls: Counter = Counter()
        self.memory: dict[tuple, str] | None = None
        self.failing_statements: list[str] = []
        self.con = duckdb.connect(":memory:")
        self.con.execute(f"attach ':memory:' as {workspace}")
        self.con.execute("create schema memory.standin")
        self.con.execute(
            "create table memory.standin.files (volume varchar, relative_path varchar, url varchar, size bigint, "
            "last_modified_time timestamp)"
        )
        self.con.execute(f"create schema {workspace}.public") if workspace != "memory" else None
        self.con.execute(f"use {workspace}")
        for statement in (
            "create macro memory.main.from_utc_timestamp(t, zone) as ((t::timestamptz at time zone zone) at time zone 'UTC')",
            "create macro memory.main.to_utc_timestamp(t, zone) as ((t::timestamptz at time zone 'UTC') at time zone zone)",
            "create macro memory.main.get_presigned_url(v, p, seconds) as 'https://standin.invalid/' || p",
            "create macro memory.main.crc32(t) as cast(hash(t) % 4294967296 as bigint)",
            "create macro memory.main.get_json_object(j, p) as case when json_valid(j) then json_extract_string(j, p) end",
        ):
            self.con.execute(statement)
        self.con.create_function(
            "standin_ai", self._ask, ["VARCHAR"] * 5, "VARCHAR", null_handling="special", side_effects=True
        )

    # --- AI -------------------------------------------------------------------------------------------------------------

    def _ask(self, function: str, model: str, prompt: str | None, volume: str | None, path: str | None) -> str | None:
        key = (function, model, prompt, volume, path)
        if self.memory is not None and key in self.memory:
            return self.memory[key]
        if path is None and volume is not None and function == "ai_complete":
            raise Refused("CZLH-42000 invalid type of image field: void")
        if prompt is None and path is None:
            return None
        self.ai_calls[key] += 1
        answer = self.answer(function, list(key[1:]))
        if self.memory is not None:
            self.memory[key] = answer
        return answer

    def _with_ai_calls(self, tree):
        """The AI call of a query as a call of the Python function that counts and answers."""
        tree = tree.copy()
        for call in dialect.ai_calls(tree):
            name = str(call.this).lower()
            model, content = call.expressions[0], call.expressions[1]
            prompt = image = None
            if isinstance(content, dialect.exp.Paren):
                image = content.this.this
            elif isinstance(content, dialect.exp.Tuple):
                prompt, image = content.expressions[0].this, content.expressions[1].this
            else:
                prompt = content
            null = dialect.exp.Null()
            volume, path = (image.expressions[0], image.expressions[1]) if image is not None else (null, null)
            call.replace(
                dialect.exp.Anonymous(
                    this="standin_ai",
                    expressions=[
                        dialect.exp.Literal.string(name),
                        model.copy(),
                        (prompt or null).copy(),
                        volume.copy(),
                        path.copy(),
                    ],
                )
            )
        return tree

    def duckdb_sql(self, sql: str) -> tuple[str, object]:
        tree = dialect.parse_query(sql)
        translated = dialect.to_duckdb(self._with_ai_calls(tree))
        for macro in MACROS:
            translated = re.sub(rf"(?<![.\w]){macro}\(", f"memory.main.{macro.lower()}(", translated)
        return translated, tree

    # --- running a statement ----------------------------------------------------------------------------------------------

    def run(self, sql: str, settings: dict[str, str], schema: str) -> Result:
        text = dialect_strip(sql)
        started = time.time()
        with self.lock:
            error = ""
            try:
                zone = settings.get("cz.sql.timezone", self.default_time_zone)
                self.con.execute(f"set TimeZone = '{zone}'")
                return self._dispatch(text, settings, schema)
            except Refused as refused:
                error = str(refused)
                raise
            except duckdb.Error as failed:
                # What an AI function refused comes wrapped in the words of DuckDB.
                error = str(failed).rpartition("Refused: ")[2] if "Refused: " in str(failed) else f"CZLH-42000 {failed}"
                raise Refused(error) from None
            finally:
                self.log.append(
                    {
                        "sql": text,
                        "seconds": round(time.time() - started, 3),
                        "error": error,
                        "settings": dict(settings),
                    }
                )

    def _dispatch(self, text: str, settings: dict[str, str], schema: str) -> Result:
        for pattern, handler in self.FORMS:
            match = re.match(pattern, text, re.IGNORECASE | re.DOTALL)
            if match:
                return handler(self, match, settings) or self._message()
        raise Refused(f"CZLH-42000 syntax error near: {text[:80]}")

    def _message(self) -> Result:
        return self._rows(["RESULT_MESSAGE"], [("OPERATION SUCCEED",)])

    def _rows(self, names: list[str], rows: list[tuple], types: list[str] | None = None) -> Result:
        columns = list(zip(*rows, strict=True)) if rows else [[] for _ in names]
        types = types or ["string"] * len(names)
        arrow = {
            "string": pa.string(),
            "boolean": pa.bool_(),
            "bigint": pa.int64(),
            "timestamp_ntz": pa.timestamp("us"),
        }
        table = pa.table(
            [pa.array(column, arrow[kind]) for column, kind in zip(columns, types, strict=True)], names=names
        )
        return Result(table, types)

    # --- names ------------------------------------------------------------------------------------------------------------

    def parts(self, name: str) -> tuple[str, str]:
        words = unquote(name).split(".")
        if len(words) == 3:
            if words[0] != self.workspace:
                raise Refused(f"CZLH-42000 workspace not found: {words[0]}")
            words = words[1:]
        if len(words) != 2:
            raise Refused(f"CZLH-42000 table name {name} has no schema")
        return words[0], words[1]

    def relation(self, name: str) -> Relation:
        schema, table = self.parts(name)
        found = self.relations.get(f"{schema}.{table}")
        if found is None:
            raise Refused(f"CZLH-42000 table or view not found - {self.workspace}.{schema}.{table}")
        return found

    def target(self, relation: Relation) -> str:
        return f'{self.workspace}."{relation.schema}"."{relation.name}"'

    def add(self, name: str, kind: str) -> Relation:
        schema, table = self.parts(name)
        if schema not in self.schemas:
            raise Refused(f"CZLH-42000 schema not found: {schema}")
        if f"{schema}.{table}" in self.relations:
            raise Refused(f"CZLH-42000 already exists: {schema}.{table}")
        return Relation(schema, table, kind, next(self.numbers))

    def keep(self, relation: Relation) -> None:
        self.relations[relation.key] = relation

    def readers(self, relation: Relation) -> list[Relation]:
        return [other for other in self.relations.values() if other.kind == "dynamic" and relation.key in other.sources]

    # --- queries ------------------------------------------------------------------------------------------------------------

    def select(self, match: re.Match, settings: dict) -> Result:
        sql, tree = self.duckdb_sql(match.group(0))
        self._check_sources(tree)
        described = self.con.execute(f"describe {sql}").fetchall()
        types = [dialect.lakehouse_type(row[1]) for row in described]
        casts = ", ".join(
            f'"c{number}"::bigint' if row[1] == "HUGEINT" else f'"c{number}"' for number, row in enumerate(described)
        )
        names = ", ".join(f'"c{number}"' for number in range(len(described)))
        table = self.con.sql(f"select {casts} from ({sql}) as result({names})").to_arrow_table()
        table = table.rename_columns([row[0] for row in described])
        return Result(table, ["bigint" if kind == "decimal(38,0)" else kind for kind in types])

    def _check_sources(self, tree) -> list[str]:
        names = [name for name in dialect.table_names(tree) if not name.startswith("standin.")]
        for name in names:
            if name not in self.relations:
                raise Refused(f"CZLH-42000 table or view not found - {name}")
        return names

    def create_table_as(self, match: re.Match, settings: dict) -> Result | None:
        if match.group("clauses").strip() and re.search(r"partitioned|clustered", match.group("clauses"), re.I):
            raise Refused("CZLH-42000 CREATE TABLE AS takes no PARTITIONED BY or CLUSTERED BY")
        relation = self.add(match.group("name"), "table")
        sql, tree = self.duckdb_sql(match.group("query"))
        self._check_sources(tree)
        self.con.execute(f"create table {self.target(relation)} as {sql}")
        self.keep(relation)
        return None

    def create_table(self, match: re.Match, settings: dict) -> Result | None:
        if re.match(r"\s*if not exists", match.group("exists") or "", re.I):
            schema, table = self.parts(match.group("name"))
            if f"{schema}.{table}" in self.relations:
                return None
        relation = self.add(match.group("name"), "table")
        body, rest = split_parentheses(match.group("rest"))
        columns = []
        types: dict[str, str] = {}
        is_key_checked = True
        for item in split_commas(body):
            key = re.fullmatch(r"primary key \((.+?)\)( disable novalidate rely)?", item, re.I)
            if key:
                relation.primary_key = [unquote(column) for column in key.group(1).split(",")]
                is_key_checked = not key.group(2)
                continue
            column = re.fullmatch(
                r"(`?\w+`?)\s+([a-z_]+(?:\s*\(.*?\)|<.*>)?)((?:\s+not null)?)(\s+comment\s+'.*')?", item, re.I | re.S
            )
            if not column:
                raise Refused(f"CZLH-42000 column definition not understood: {item}")
            columns.append(f'"{unquote(column.group(1))}" {dialect.duckdb_type(column.group(2))}{column.group(3)}')
            types[unquote(column.group(1))] = column.group(2).lower()
        grammar = re.fullmatch(
            r"\s*(?:partitioned by \((?P<partition>.+?)\)\)?)?\s*(?:clustered by \(.+?\)(?: into \d+ buckets)?)?\s*"
            r"(?:comment (?P<comment>'(?:[^'\\]|\\.)*'))?\s*(?:properties\(.+\))?\s*",
            rest,
            re.I | re.S,
        )
        if not grammar:
            raise Refused(f"CZLH-42000 the clauses of CREATE TABLE are not understood: {rest}")
        partition = grammar.group("partition")
        transform = re.fullmatch(
            rf"({'|'.join(TRANSFORMS)})\((?:\d+\s*,\s*)?(\w+)(?:\s*,\s*\d+)?", partition or "", re.I
        )
        partition_columns = [unquote(c) for c in ([transform[2]] if transform else (partition or "").split(",")) if c]
        for column in partition_columns:
            check_partition_column(column, types, is_transformed=bool(transform))
        if transform and transform[1].lower() == "days":
            relation.partition_day = unquote(transform[2])
        first_of_key = relation.primary_key[: len(partition_columns)]
        if relation.primary_key and is_key_checked and first_of_key != partition_columns:
            raise Refused(f"CZLH-42000 the primary key must begin with the partition column {partition_columns}")
        relation.comment = grammar.group("comment") or ""
        relation.clauses = rest
        self.con.execute(f"create table {self.target(relation)} ({', '.join(columns)})")
        self.keep(relation)
        return None

    def create_view(self, match: re.Match, settings: dict) -> Result | None:
        schema, name = self.parts(match.group("name"))
        existing = self.relations.get(f"{schema}.{name}")
        if existing is not None:
            if existing.kind != "view" or not match.group("replace"):
                raise Refused(f"CZLH-42000 already exists: {existing.key}")
            del self.relations[existing.key]
        relation = self.add(match.group("name"), "view")
        sql, tree = self.duckdb_sql(match.group("query"))
        relation.sources = self._check_sources(tree)
        self.con.execute(f"create or replace view {self.target(relation)} as {sql}")
        self.keep(relation)
        return None

    def writable(self, name: str) -> Relation:
        relation = self.relation(name)
        if relation.kind == "dynamic":
            raise Refused(f"CZLH-42000 DML on dynamic table {relation.key} is not allowed")
        if relation.kind == "view":
            raise Refused(f"CZLH-42000 {relation.key} is a view")
        return relation

    def insert(self, match: re.Match, settings: dict) -> Result | None:
        relation = self.writable(match.group("name"))
        present = {row[0].lower(): row[1] for row in self.con.execute(f"describe {self.target(relation)}").fetchall()}
        columns = [unquote(c) for c in match.group("columns").split(",")] if match.group("columns") else list(present)
        query = match.group("query")
        if re.match(r"values\b", query, re.I):
            query = f"select * from ({query}) as given"
        sql, tree = self.duckdb_sql(query)
        self._check_sources(tree)
        described = self.con.execute(f"describe {sql}").fetchall()
        if len(described) != len(columns):
            raise Refused(f"CZLH-42000 INSERT has {len(described)} values for {len(columns)} columns")
        for column, (_, kind, *_rest) in zip(columns, described, strict=True):
            wanted = present.get(column)
            if wanted is None:
                raise Refused(f"CZLH-42000 column {column} is not in {relation.key}")
            if kind == "VARCHAR" and wanted != "VARCHAR":
                raise Refused(
                    f"CZLH-42000 no implicit cast from STRING to {dialect.lakehouse_type(wanted)} in INSERT ({column})"
                )
            if wanted in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "BOOLEAN", "JSON") and kind != wanted:
                raise Refused(
                    f"CZLH-42000 no implicit cast from {dialect.lakehouse_type(kind)} to {dialect.lakehouse_type(wanted)} in INSERT ({column})"
                )
        names = ", ".join(f'"{column}"' for column in columns)
        if relation.partition_day:
            touched = self.con.execute(
                f'select count(distinct "{relation.partition_day}"::date) from ({sql}) as given({names})'
            ).fetchone()[0]
            if touched > PARTITIONS_OF_ONE_WRITE:
                raise Refused(f"CZLH-42000 one write touches {touched} partitions, more than {PARTITIONS_OF_ONE_WRITE}")
        if match.group("verb").lower() == "overwrite":
            if "partitioned" in relation.clauses.lower():
                raise Refused("standin: INSERT OVERWRITE of a partitioned table replaces some of its partitions only")
            self.con.execute(f"create or replace temp table replacing as select * from ({sql}) as given({names})")
            sql = "select * from replacing"
            self.con.execute(f"delete from {self.target(relation)}")
            relation.version += 1
        if relation.primary_key:
            keys = ", ".join(f'"{key}"' for key in relation.primary_key)
            self.con.execute(f"create or replace temp table arriving as select * from ({sql}) as given({names})")
            sql = "select * from arriving"
            doubled = self.con.execute(
                f"select count(*) from (select {keys} from (select {keys} from arriving union all "
                f"select {keys} from {self.target(relation)}) group by {keys} having count(*) > 1)"
            ).fetchone()[0]
            if doubled:
                raise Refused(f"CZLH-42000 {doubled} duplicate primary keys in {relation.key}")
        written = self.con.execute(f"insert into {self.target(relation)} ({names}) {sql}").fetchone()[0]
        if written:
            relation.version += 1
        return None

    def delete(self, match: re.Match, settings: dict) -> Result | None:
        relation = self.writable(match.group("name"))
        where = match.group("where")
        sql = ""
        if where:
            translated, _ = self.duckdb_sql(f"select * from {match.group('name')} where {where}")
            sql = translated[re.search(r"\bWHERE\b", translated).start() :]
        gone = self.con.execute(f"delete from {self.target(relation)} {sql}").fetchone()[0]
        if gone:
            relation.version += 1
        return None

    def truncate(self, match: re.Match, settings: dict) -> Result | None:
        relation = self.writable(match.group("name"))
        self.con.execute(f"delete from {self.target(relation)}")
        relation.version += 1
        return None

    # --- dynamic tables -----------------------------------------------------------------------------------------------------

    def create_dynamic(self, match: re.Match, settings: dict) -> Result | None:
        schema, name = self.parts(match.group("name"))
        existing = self.relations.get(f"{schema}.{name}")
        if match.group("exists") and match.group("replace"):
            raise Refused("CZLH-42000 OR REPLACE and IF NOT EXISTS exclude each other")
        if existing is not None and match.group("exists"):
            return None
        if existing is not None and not match.group("replace"):
            raise Refused(f"CZLH-42000 already exists: {existing.key}")
        if existing is not None and existing.kind != "dynamic":
            raise Refused(f"CZLH-42000 {existing.key} is no dynamic table")
        rest = match.group("rest")
        columns: list[str] = []
        if rest.lstrip().startswith("("):
            body, rest = split_parentheses(rest)
            for item in split_commas(body):
                column = re.fullmatch(r"(`?\w+`?)(\s+comment\s+'(?:[^'\\]|\\.)*')?", item, re.I | re.S)
                if not column:
                    raise Refused(
                        f"CZLH-42000 a column of a dynamic table is a name and a comment, without a type: {item}"
                    )
                columns.append(unquote(column.group(1)))
        grammar = re.match(
            r"\s*(?:partitioned by \((?P<partition>[^()]+)\)\s*)?"
            r"(?:clustered by \((?P<cluster>[^()]+)\)(?:\s+sorted by \([^()]+\))?(?:\s+into \d+ buckets)?\s*)?"
            r"(?:comment (?P<comment>'(?:[^'\\]|\\.)*')\s*)?"
            r"(?:properties\((?P<properties>(?:[^()']|'(?:[^'\\]|\\.)*')+)\)\s*)?"
            r"(?:refresh\s+(?:start with \S+\s+)?interval '?(?P<count>\d+)'? (?P<unit>second|minute|hour|day)(?:\s+vcluster \w+)?\s*)?"
            r"as\s+(?P<query>.+)$",
            rest,
            re.I | re.S,
        )
        if not grammar:
            raise Refused(f"CZLH-42000 the clauses of CREATE DYNAMIC TABLE are not understood: {rest[:120]}")
        if grammar.group("count") and grammar.group("unit").lower() == "second" and int(grammar.group("count")) < 60:
            raise Refused("CZLH-42000 the minimum refresh interval is one minute")
        sql, tree = self.duckdb_sql(grammar.group("query"))
        sources = self._check_sources(tree)
        described = self.con.execute(f"describe {sql}").fetchall()
        names = [row[0].lower() for row in described]
        if columns and len(columns) != len(names):
            raise Refused(f"CZLH-42000 {len(columns)} column names for {len(names)} columns")
        if len(set(names)) != len(names):
            raise Refused("CZLH-42000 two columns have the same name")
        kinds = dict(zip(columns or names, (dialect.lakehouse_type(row[1]) for row in described), strict=True))
        for column in (grammar.group("partition") or "").split(","):
            if column:
                check_partition_column(unquote(column), kinds)
        for column in (grammar.group("cluster") or "").split(","):
            if column and unquote(column) not in kinds:
                raise Refused(f"CZLH-42000 CLUSTERED BY {column.strip()}: there is no such column")
        unstable = dialect.unstable_aggregates(tree)
        if unstable:
            raise Refused(f"standin: {unstable[0]} has another result incrementally than in full")
        if existing is None:
            relation = self.add(match.group("name"), "dynamic")
        else:
            relation = existing
            old = self.con.execute(f"describe {self.target(relation)}").fetchall()
            if settings.get("cz.sql.mv.check.before.replacing.sql", "true").lower() != "false":
                added = [row[0] for row in described if row[0].lower() not in {o[0].lower() for o in old}]
                if added:
                    # What Lakehouse does: old rows keep NULL in the new column. Nobody wants that unasked.
                    raise Refused(f"standin: OR REPLACE would leave NULL in {added} for old rows")
            self.con.execute(f"drop table {self.target(relation)}")
            relation.version += 1
        relation.query, relation.tree, relation.sources = sql, tree, sources
        relation.comment = grammar.group("comment") or ""
        relation.properties = {"properties": grammar.group("properties")} if grammar.group("properties") else {}
        relation.clauses = match.group(0)
        relation.force_full = True
        relation.never_incremental = self._why_never_incremental(tree, sources)
        relation.tracked = True
        relation.memory = {}
        typed = ", ".join(f'"{(columns or names)[i]}" {row[1]}' for i, row in enumerate(described))
        self.con.execute(f"create table {self.target(relation)} ({typed})")
        self.keep(relation)
        return None

    def _why_never_incremental(self, tree, sources: list[str]) -> str:
        for name in sources:
            if self.relations[name].kind == "view":
                return f"source {name} is a view"
        nondeterministic = dialect.non_deterministic(tree)
        if nondeterministic:
            return f"{nondeterministic[0]} is not deterministic"
        if list(tree.find_all(dialect.exp.Table)) and any(n.startswith("standin.") for n in dialect.table_names(tree)):
            return "the directory of a volume is an external source"
        if dialect.unpartitioned_windows(tree):
            return "a window without PARTITION BY"
        for keys in dialect.grouped_queries(tree):
            sql = self._macros(dialect.to_duckdb(keys))
            try:
                described = self.con.execute(f"describe {sql}").fetchall()
            except duckdb.Error:
                # A CTE inside a CTE: counted as what costs more.
                return "group keys whose type the stand-in cannot tell"
            for row in described:
                kind = dialect.lakehouse_type(row[1])
                if kind == "json":
                    raise Refused("CZLH-42000 JSON is not comparable: no key of GROUP BY")
                if not kind.startswith(GROUP_KEY_TYPES):
                    return f"a group key of type {kind}"
        return ""

    @staticmethod
    def _macros(sql: str) -> str:
        for macro in MACROS:
            sql = re.sub(rf"(?<![.\w]){macro}\(", f"memory.main.{macro.lower()}(", sql)
        return sql

    def refresh(self, match: re.Match, settings: dict) -> Result | None:
        relation = self.relation(match.group("name"))
        if relation.kind != "dynamic":
            raise Refused(f"CZLH-42000 {relation.key} is no dynamic table")
        if relation.suspended:
            raise Refused(f"CZLH-42000 {relation.key} is suspended")
        started = datetime.now(UTC).replace(tzinfo=None)
        state, mode, error, inserted, deleted, reason = "SUCCEED", "", "", 0, 0, ""
        try:
            mode, inserted, deleted, reason = self._refresh(relation, settings)
        except (duckdb.Error, Refused) as failed:
            state, error = "FAILED", str(failed)
            raise
        finally:
            ended = datetime.now(UTC).replace(tzinfo=None)
            self.history.append(
                {
                    "workspace_name": self.workspace,
                    "schema_name": relation.schema,
                    "name": relation.name,
                    "virtual_cluster": "default",
                    "start_time": started,
                    "end_time": ended,
                    "duration": str(ended - started),
                    "state": state,
                    "refresh_trigger": "MANUAL",
                    "refresh_mode": mode,
                    "error_message": error,
                    "source_tables": ",".join(relation.sources),
                    "stats": f'{{"rows_inserted":{inserted},"rows_deleted":{deleted}}}',
                    "job_id": uuid.uuid4().hex,
                    "reason": reason,
                }
            )
        return None

    def _refresh(self, relation: Relation, settings: dict) -> tuple[str, int, int, str]:
        now = {
            name: (self.relations[name].number, self._version(self.relations[name]))
            for name in relation.sources
            if name in self.relations
        }
        if len(now) != len(relation.sources):
            raise Refused(f"CZLH-42000 a source of {relation.key} is gone")
        reason = relation.never_incremental
        if relation.force_full:
            reason = "first refresh"
        for name, (number, _) in now.items():
            source = self.relations[name]
            if name in relation.seen and relation.seen[name][0] != number:
                reason = reason or f"source {name} was created again"
            if not source.tracked and source.kind == "table":
                reason = reason or f"source {name} has no change_tracking"
        is_forced = settings.get("cz.optimizer.incremental.force.full.refresh", "").lower() == "true"
        if is_forced:
            reason = "cz.optimizer.incremental.force.full.refresh is on"
        has_news = relation.force_full or is_forced or now != relation.seen
        if not has_news and "deterministic" not in reason and "external" not in reason:
            return "NO_DATA", 0, 0, ""
        target = self.target(relation)
        self.memory = {} if reason else relation.memory
        try:
            self.con.execute(f"create or replace temp table computed as {relation.query}")
        finally:
            if self.memory is not None:
                relation.memory = self.memory
            self.memory = None
        names = [row[0] for row in self.con.execute(f"describe {target}").fetchall()]
        columns = ", ".join(f'"{name}"' for name in names)
        self.con.execute(f"create or replace temp table computed_named as select * from computed as c({columns})")
        if reason:
            deleted = self.con.execute(f"delete from {target}").fetchone()[0]
            inserted = self.con.execute(f"insert into {target} select * from computed_named").fetchone()[0]
            relation.version += 1
            mode = "FULL"
        else:
            # The result of an incremental refresh is that of the query; only what differs is written.
            self.con.execute(
                f"create or replace temp table going as (select * from {target} except all select * from computed_named)"
            )
            self.con.execute(
                f"create or replace temp table coming as (select * from computed_named except all select * from {target})"
            )
            deleted = self.con.execute("select count(*) from going").fetchone()[0]
            if deleted:
                same = " and ".join(f't."{name}" is not distinct from g."{name}"' for name in names)
                self.con.execute(
                    f"create or replace temp table kept as (select * from {target} except all select * from going)"
                )
                self.con.execute(f"delete from {target}")
                self.con.execute(f"insert into {target} select * from kept")
                del same
            inserted = self.con.execute(f"insert into {target} select * from coming").fetchone()[0]
            if inserted or deleted:
                relation.version += 1
            mode = "INCREMENTAL"
        relation.seen, relation.force_full = now, False
        return mode, inserted, deleted, reason

    def _version(self, relation: Relation) -> int:
        if relation.kind == "view":
            return sum(self._version(self.relations[name]) for name in relation.sources)
        return relation.version

    # --- other statements ---------------------------------------------------------------------------------------------------

    def drop(self, match: re.Match, settings: dict) -> Result | None:
        kind = re.sub(r"\s+", " ", match.group("kind").lower())
        schema, name = self.parts(match.group("name"))
        relation = self.relations.get(f"{schema}.{name}")
        if relation is None:
            if match.group("exists"):
                return None
            raise Refused(f"CZLH-42000 table or view not found - {schema}.{name}")
        expected = {"table": "table", "view": "view", "dynamic": "dynamic table"}[relation.kind]
        if kind != expected:
            raise Refused(f"CZLH-42000 {relation.key} is dropped by DROP {expected.upper()}")
        readers = self.readers(relation) if relation.kind == "dynamic" else []
        if readers:
            raise Refused(f"CZLH-42000 {relation.key} is read by dynamic table {readers[0].key}: drop that first")
        self.con.execute(f"drop {'view' if kind == 'view' else 'table'} {self.target(relation)}")
        del self.relations[relation.key]
        return None

    def alter_properties(self, match: re.Match, settings: dict) -> Result | None:
        relation = self.relation(match.group("name"))
        if relation.kind != "table":
            raise Refused(f"CZLH-42000 {relation.key} is altered by ALTER DYNAMIC TABLE")
        pairs = dict(re.findall(r"'([^']+)'\s*=\s*'([^']*)'", match.group("pairs")))
        relation.properties.update(pairs)
        if pairs.get("change_tracking") == "true":
            relation.tracked = True
        return None

    def alter_dynamic(self, match: re.Match, settings: dict) -> Result | None:
        relation = self.relation(match.group("name"))
        if relation.kind != "dynamic":
            raise Refused(f"CZLH-42000 {relation.key} is no dynamic table")
        action = match.group("action").strip()
        if re.fullmatch(r"suspend|resume", action, re.I):
            relation.suspended = action.lower() == "suspend"
        elif re.match(r"set comment '", action, re.I):
            relation.comment = action[len("set comment ") :]
        elif re.match(r"set properties\(", action, re.I):
            relation.properties.update(re.findall(r"'([^']+)'\s*=\s*'([^']*)'", action))
        elif not re.match(r"unset properties\(|change column \w+ comment '|rename column \w+ to \w+", action, re.I):
            raise Refused(f"CZLH-42000 ALTER DYNAMIC TABLE {action[:40]} is not supported")
        return None

    def add_column(self, match: re.Match, settings: dict) -> Result | None:
        relation = self.writable(match.group("name"))
        self.con.execute(
            f'alter table {self.target(relation)} add column "{match.group("column")}" {dialect.duckdb_type(match.group("type"))}'
        )
        return None

    def create_schema(self, match: re.Match, settings: dict) -> Result | None:
        words = unquote(match.group("name")).split(".")
        self.schemas.add(words[-1])
        self.con.execute(f'create schema if not exists {self.workspace}."{words[-1]}"')
        return None

    def show_schemas(self, match: re.Match, settings: dict) -> Result:
        return self._rows(["schema_name"], [(name,) for name in sorted(self.schemas)])

    def show_tables(self, match: re.Match, settings: dict) -> Result:
        schema = unquote(match.group("name")).split(".")[-1]
        if schema not in self.schemas:
            raise Refused(f"CZLH-42000 schema not found: {schema}")
        rows = [
            (r.schema, r.name, r.kind == "view", False, False, r.kind == "dynamic")
            for r in sorted(self.relations.values(), key=lambda r: r.key)
            if r.schema == schema
        ]
        names = ["schema_name", "table_name", "is_view", "is_materialized_view", "is_external", "is_dynamic"]
        return self._rows(names, rows, ["string", "string", *["boolean"] * 4])

    def show_streams(self, match: re.Match, settings: dict) -> Result:
        return self._rows(["schema_name", "stream_name"], [])

    def show_columns(self, match: re.Match, settings: dict) -> Result:
        relation = self.relation(match.group("name"))
        described = self.con.execute(f"describe {self.target(relation)}").fetchall()
        rows = [
            (
                relation.schema,
                relation.name,
                row[0],
                dialect.lakehouse_type(row[1]) + (" not null" if row[2] == "NO" else ""),
                "",
            )
            for row in described
        ]
        return self._rows(["schema_name", "table_name", "column_name", "data_type", "comment"], rows)

    def describe(self, match: re.Match, settings: dict) -> Result:
        relation = self.relation(match.group("name"))
        described = self.con.execute(f"describe {self.target(relation)}").fetchall()
        return self._rows(
            ["column_name", "data_type", "comment"], [(row[0], dialect.lakehouse_type(row[1]), "") for row in described]
        )

    def show_create(self, match: re.Match, settings: dict) -> Result:
        relation = self.relation(match.group("name"))
        properties = " ".join(f"'{key}'='{value}'" for key, value in relation.properties.items())
        return self._rows(
            ["sql"], [(f"{relation.clauses or relation.kind} comment {relation.comment} properties({properties})",)]
        )

    def show_history(self, match: re.Match, settings: dict) -> Result:
        rows = list(reversed(self.history))
        where = match.group("where")
        names = [
            "workspace_name",
            "schema_name",
            "name",
            "virtual_cluster",
            "start_time",
            "end_time",
            "duration",
            "state",
            "refresh_trigger",
            "refresh_mode",
            "error_message",
            "source_tables",
            "stats",
            "job_id",
        ]
        types = ["timestamp_ntz" if name.endswith("_time") else "string" for name in names]
        table = self._rows(names, [tuple(row[name] for name in names) for row in rows], types).table
        self.con.register("refresh_history", table)
        sql = "select * from refresh_history"
        if where:
            sql += f" where {where}"
        limit = int(match.group("limit") or 100)
        if not 1 <= limit <= 10000:
            raise Refused(f"CZLH-42000 LIMIT is 1 to 10000, not {limit}")
        sql += f" order by start_time desc limit {limit}"
        return Result(self.con.sql(sql).to_arrow_table(), types)

    def explain_refresh(self, match: re.Match, settings: dict) -> Result:
        relation = self.relation(match.group("name"))
        if settings.get("cz.optimizer.explain.can.incrementalize", "").lower() != "true":
            raise Refused("CZLH-42000 set cz.optimizer.explain.can.incrementalize=true first")
        verdict = "no: " + relation.never_incremental if relation.never_incremental else "yes"
        return self._rows(["plan"], [(f"CanBeIncrementalized: {verdict}",)])

    def create_index(self, match: re.Match, settings: dict) -> Result | None:
        relation = self.relation(match.group("table"))
        if self.parts(match.group("name"))[0] != relation.schema:
            raise Refused("CZLH-42000 an index lives in the schema of its table")
        columns = [row[0].lower() for row in self.con.execute(f"describe {self.target(relation)}").fetchall()]
        if unquote(match.group("column")) not in columns:
            raise Refused(f"CZLH-42000 no column {match.group('column')} in {relation.key}")
        return None

    def accept(self, match: re.Match, settings: dict) -> Result | None:
        return None

    def create_connection(self, match: re.Match, settings: dict) -> Result | None:
        kind = match.group("kind").lower()
        pairs = re.findall(r"(\w+)\s*=\s*'(?:[^'\\]|\\.)*'", match.group("pairs"))
        if " ".join(f"{name}=''" for name in pairs) != re.sub(r"'(?:[^'\\]|\\.)*'", "''", match.group("pairs")).strip():
            raise Refused(f"CZLH-42000 the parts of the connection are not understood: {match.group('pairs')}")
        if {name.lower() for name in pairs} not in CONNECTION_PARTS.get(kind, []):
            raise Refused(f"CZLH-42000 a storage connection of type {kind} does not consist of these: {match.group(0)}")
        return None

    def copy_into(self, match: re.Match, settings: dict) -> Result | None:
        self.writable(match.group("name"))
        return None

    def create_pipe(self, match: re.Match, settings: dict) -> Result | None:
        """The query has to give what the table takes: a pipe that starts and fails every batch loses them."""
        relation = self.writable(match.group("name"))
        kafka = re.search(r"read_kafka\((.*), map\(\)\)", match.group("query"))
        arguments = split_commas(kafka.group(1)) if kafka else []
        if len(arguments) != 11 or any(arguments[position] != "''" for position in (2, 4, 5, 6, 7)):
            raise Refused("CZLH-42000 read_kafka takes 12 arguments; topic pattern and offsets are empty in a pipe")
        query = match.group("query").replace(kafka.group(0), "(select cast(null as string) as value)")
        described = self.con.execute(f"describe {self.duckdb_sql(query)[0]}").fetchall()
        given = [(row[0].lower(), row[1]) for row in described]
        wanted = [(row[0].lower(), row[1]) for row in self.con.execute(f"describe {self.target(relation)}").fetchall()]
        if given != wanted:
            raise Refused(f"CZLH-42000 the pipe gives {given}, the table takes {wanted}")
        return None

    def show_grants(self, match: re.Match, settings: dict) -> Result:
        return self._rows(["granted_type", "privilege", "granted_on", "object_name", "granted_to", "grantee_name"], [])

    FORMS: ClassVar = [
        (r"(?:with|select)\b.*", select),
        (
            rf"create (?P<replace>or replace )?dynamic table (?P<exists>if not exists )?(?P<name>{NAME})(?P<rest>.*)",
            create_dynamic,
        ),
        (
            rf"create (?P<replace>or replace )?view (?:if not exists )?(?P<name>{NAME})\s+(?:comment '.*?'\s+)?as\s+(?P<query>.+)",
            create_view,
        ),
        (
            rf"create bloomfilter index (?:if not exists )?(?P<name>{NAME})\s+on table (?P<table>{NAME})\s*\((?P<column>\w+)\)",
            create_index,
        ),
        (rf"create schema (?:if not exists )?(?P<name>{NAME})", create_schema),
        (rf"create volume (?:if not exists )?{NAME} {DIRECTORY}$", accept),
        (
            rf"create external volume (?:if not exists )?{NAME} location '(?:oss|cos|s3)://[^']+/' using connection \w+ {DIRECTORY}$",
            accept,
        ),
        (rf"alter volume {NAME} refresh$", accept),
        (r"create storage connection (?:if not exists )?\w+\s+type (?P<kind>\w+)\s+(?P<pairs>.+)$", create_connection),
        (r"create api connection\b.*", accept),
        (
            rf"create pipe (?:if not exists )?{NAME}\s+virtual_cluster = '[^']+'{PIPE_PROPERTIES}\s+as copy into (?P<name>{NAME}) from \(\s*(?P<query>select .+)\)$",
            create_pipe,
        ),
        (
            rf"copy (?:into|overwrite) (?P<name>{NAME}) from (?:user volume|(?:table )?volume {NAME}) {COPY_OPTIONS}$",
            copy_into,
        ),
        (
            rf"create table (?P<exists>if not exists )?(?P<name>{NAME})\s*(?P<rest>\(\s*\n?\s*`?\w+`?\s+(?!as\b)[a-z].*)$",
            create_table,
        ),
        (
            rf"create table (?:if not exists )?(?P<name>{NAME})(?P<clauses>(?:(?!\bas\b).)*?)\bas\s+(?P<query>.+)",
            create_table_as,
        ),
        (
            rf"insert (?P<verb>into|overwrite) (?:table )?(?P<name>{NAME})\s*(?:\((?P<columns>[^()]+)\)\s*)?(?P<query>(?:select|with|values)\b.+)",
            insert,
        ),
        (rf"delete from (?P<name>{NAME})(?:\s+where (?P<where>.+))?$", delete),
        (rf"truncate table (?P<name>{NAME})", truncate),
        (rf"refresh dynamic table (?P<name>{NAME})\s*$", refresh),
        (rf"explain refresh dynamic table (?P<name>{NAME})", explain_refresh),
        (rf"drop (?P<kind>dynamic\s+table|table|view) (?P<exists>if exists )?(?P<name>{NAME})", drop),
        (rf"alter dynamic table (?P<name>{NAME})\s+(?P<action>.+)", alter_dynamic),
        (rf"alter table (?P<name>{NAME}) set properties\s*\((?P<pairs>.+)\)", alter_properties),
        (rf"alter table (?P<name>{NAME}) add column (?P<column>\w+) (?P<type>.+)", add_column),
        (r"show schemas\b.*", show_schemas),
        (rf"show tables in (?P<name>{NAME})", show_tables),
        (r"show (?:table )?streams\b.*", show_streams),
        (rf"show columns in (?P<name>{NAME})", show_columns),
        (rf"(?:describe|desc)(?: table)?(?: extended)? (?P<name>{NAME})", describe),
        (rf"show create table (?P<name>{NAME})", show_create),
        (
            r"show dynamic table refresh history(?:\s+where (?P<where>.+?))?(?:\s+limit (?P<limit>\d+))?\s*$",
            show_history,
        ),
        (r"show grants on\b.*", show_grants),
    ]


def check_partition_column(column: str, types: dict[str, str], is_transformed: bool = False) -> None:
    if column not in types:
        raise Refused(f"CZLH-42000 PARTITIONED BY {column}: there is no such column")
    if not is_transformed and re.split(r"[(<\s]", types[column])[0] not in PARTITION_TYPES:
        raise Refused(f"CZLH-42000 PARTITIONED BY {column}: not by a plain {types[column]}")


def dialect_strip(sql: str) -> str:
    """The statement without the comments before it and the semicolon behind it."""
    text = sql.strip()
    while text.startswith(("--", "/*")):
        end = text.find("\n") + 1 if text.startswith("--") else text.find("*/") + 2
        if end <= 1:
            return ""
        text = text[end:].strip()
    return text.rstrip().rstrip(";").rstrip()


def split_parentheses(text: str) -> tuple[str, str]:
    """The content of the parentheses a text begins with, and what follows them."""
    text = text.lstrip()
    depth, quoted, position = 0, False, 0
    while position < len(text):
        character = text[position]
        if quoted:
            if character == "\\":
                position += 1
            elif character == "'":
                quoted = False
        elif character == "'":
            quoted = True
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                return text[1:position], text[position + 1 :]
        position += 1
    raise Refused("CZLH-42000 parentheses do not close")


def split_commas(text: str) -> list[str]:
    """A list at its top-level commas."""
    items, depth, quoted, begin, position = [], 0, False, 0, 0
    while position < len(text):
        character = text[position]
        if quoted:
            if character == "\\":
                position += 1
            elif character == "'":
                quoted = False
        elif character == "'":
            quoted = True
        elif character in "(<":
            depth += 1
        elif character in ")>":
            depth -= 1
        elif character == "," and depth == 0:
            items.append(text[begin:position].strip())
            begin = position + 1
        position += 1
    items.append(text[begin:].strip())
    return items


__all__ = ["Engine", "Refused", "Relation", "Result"]
