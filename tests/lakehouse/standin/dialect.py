"""The SQL of Lakehouse: what it refuses, and its translation to DuckDB.

The rules are those of the vendor's documentation as collected in docs/lakehouse.md. Where sources contradict each other
the stricter reading is taken, so that what passes here keeps to both.
"""

from __future__ import annotations

import json
import re
from typing import ClassVar

import sqlglot
from sqlglot import exp, tokens
from sqlglot.dialects.spark import Spark
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokens import TokenType


class Refused(Exception):
    """Lakehouse would not run this statement."""


# Named in the vendor's documentation: its pages of SQL functions and the functions reference of its skills.
KNOWN_FUNCTIONS = frozenset(
    [
        "abs",
        "ceil",
        "ceiling",
        "floor",
        "round",
        "sqrt",
        "exp",
        "ln",
        "log",
        "log10",
        "power",
        "pow",
        "sign",
        "mod",
        "greatest",
        "least",
        "pi",
        "sin",
        "cos",
        "tan",
        "coalesce",
        "nullif",
        "if",
        "nvl",
        "nvl2",
        "isnull",
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "count_if",
        "stddev_samp",
        "stddev_pop",
        "var_samp",
        "var_pop",
        "percentile",
        "median",
        "approx_percentile",
        "bool_or",
        "bool_and",
        "group_concat",
        "wm_concat",
        "collect_list",
        "collect_set",
        "array_agg",
        "map_agg",
        "min_by",
        "max_by",
        "any_value",
        "row_number",
        "rank",
        "dense_rank",
        "percent_rank",
        "cume_dist",
        "ntile",
        "lag",
        "lead",
        "first_value",
        "last_value",
        "concat",
        "concat_ws",
        "substr",
        "substring",
        "replace",
        "trim",
        "ltrim",
        "rtrim",
        "lower",
        "upper",
        "length",
        "char_length",
        "instr",
        "lpad",
        "rpad",
        "repeat",
        "reverse",
        "split",
        "regexp_extract",
        "regexp_replace",
        "md5",
        "sha2",
        "crc32",
        "cast",
        "try_cast",
        "date_trunc",
        "date",
        "date_format",
        "datediff",
        "timestampdiff",
        "dateadd",
        "hour",
        "extract",
        "dayofweek",
        "year",
        "month",
        "day",
        "dayofmonth",
        "current_timestamp",
        "current_date",
        "to_date",
        "from_utc_timestamp",
        "to_utc_timestamp",
        "parse_json",
        "get_json_object",
        "json_extract_string",
        "json_extract_bigint",
        "json_extract_double",
        "json_extract_boolean",
        "array",
        "explode",
        "size",
        "map",
        "struct",
        "array_join",
        "array_sort",
        "array_distinct",
        "ai_complete",
        "ai_classify",
        "ai_extract",
        "ai_sentiment",
        "ai_summarize",
        "ai_translate",
        "ai_fix_grammar",
        "ai_mask",
        "ai_embedding",
        "ai_similarity",
        "ai_transcribe",
        "get_presigned_url",
        "session_configs",
        "directory",
    ]
)

# `word (` that is no call.
NOT_CALLS = frozenset(
    [
        "in",
        "and",
        "or",
        "not",
        "as",
        "on",
        "over",
        "values",
        "select",
        "from",
        "where",
        "by",
        "exists",
        "when",
        "then",
        "else",
        "case",
        "using",
        "with",
        "except",
        "all",
        "any",
        "between",
        "like",
        "rlike",
        "table",
        "union",
        "intersect",
        "join",
        "filter",
        "having",
        "partition",
        "order",
        "limit",
        "distinct",
        "end",
        "is",
        "null",
        "into",
        "on",
        "interval",
    ]
)

KNOWN_TYPES = frozenset(
    [
        "tinyint",
        "smallint",
        "int",
        "bigint",
        "float",
        "double",
        "decimal",
        "boolean",
        "string",
        "varchar",
        "char",
        "binary",
        "date",
        "timestamp",
        "timestamp_ltz",
        "timestamp_ntz",
        "json",
        "array",
        "map",
        "struct",
        "vector",
        "void",
    ]
)

OWN_FUNCTIONS = frozenset(
    {
        "AI_COMPLETE",
        "AI_CLASSIFY",
        "AI_EXTRACT",
        "AI_GENERATE",
        "FROM_UTC_TIMESTAMP",
        "TO_UTC_TIMESTAMP",
        "GET_JSON_OBJECT",
        "PARSE_JSON",
        "DATEDIFF",
        "PERCENTILE",
    }
)
AI_FUNCTIONS = ("ai_complete", "ai_classify", "ai_extract")
AGGREGATES = (exp.AggFunc,)
UNSTABLE_AGGREGATES = (exp.AnyValue, exp.First, exp.Last, exp.FirstValue, exp.LastValue, exp.ApproxDistinct)
UNSTABLE_AGGREGATES += (exp.ApproxQuantile, exp.ApproxTopK)
NON_DETERMINISTIC = ("current_timestamp", "current_date", "random", "rand", "uuid", "now", "get_presigned_url")


class Lakehouse(Spark):
    """Backslash escapes, "text" as a string literal, backticks round names; the functions stay as they are written."""

    class Tokenizer(Spark.Tokenizer):
        QUOTES: ClassVar = ["'", '"']
        STRING_ESCAPES: ClassVar = ["\\"]

    class Parser(Spark.Parser):
        # Left as they are written: DuckDB has macros of these names (engine.py), with the meaning they have on Lakehouse.
        FUNCTIONS: ClassVar = {
            name: build for name, build in Spark.Parser.FUNCTIONS.items() if name not in OWN_FUNCTIONS
        }


def tokenize(sql: str) -> list[tokens.Token]:
    try:
        return list(Lakehouse().tokenize(sql))
    except TokenError as error:
        raise Refused(f"CZLH-42000 the text cannot be read: {error}") from None


def check_tokens(sql: str) -> None:
    """What can be refused without understanding the statement."""
    stream = tokenize(sql)
    for position, token in enumerate(stream):
        following = stream[position + 1] if position + 1 < len(stream) else None
        name = token.text.lower()
        if token.token_type == TokenType.STRING and following is not None and following.token_type == TokenType.STRING:
            raise Refused("CZLH-42000 two string literals in a row: '' is not an escaped quote")
        if token.token_type == TokenType.STRING:
            continue
        if name == "varchar" and (following is None or following.text != "("):
            raise Refused("CZLH-42000 VARCHAR needs a length; the type of any text is STRING")
        if name == "recursive":
            raise Refused("CZLH-42000 recursive CTE is not supported")
        if name in ("pivot", "unpivot", "flatten") and following is not None and following.text == "(":
            raise Refused(f"CZLH-42000 {name} is not supported")
        if name == "exclude" and following is not None and following.text == "(":
            raise Refused("CZLH-42000 write * EXCEPT (...), not EXCLUDE")
        if name == "at" and following is not None and following.text.lower() == "time":
            raise Refused("CZLH-42000 AT TIME ZONE is not known")
        if name == "within" and following is not None and following.text.lower() == "group":
            raise Refused("CZLH-42000 WITHIN GROUP is not known")
        if name in ("ilike", "similar", "glob"):
            raise Refused(f"CZLH-42000 {name} is not known")
        if (
            following is not None
            and following.text == "("
            and re.fullmatch(r"[a-z_][a-z0-9_]*", name)
            and name not in NOT_CALLS
            and name not in KNOWN_TYPES
            and name not in KNOWN_FUNCTIONS
            and (
                position == 0
                or stream[position - 1].text.lower() not in ("table", "into", "view", ".", "with", ",", "tracking")
            )
        ):
            raise Refused(f"CZLH-42000 function {name} is not known")
        if (
            following is not None
            and following.text == "("
            and position
            and stream[position - 1].text == ","
            and re.fullmatch(r"[a-z_][a-z0-9_]*", name)
            and name not in NOT_CALLS | KNOWN_TYPES | KNOWN_FUNCTIONS
            # `, name (` without AS SELECT behind it is a call, not the head of a CTE
        ):
            raise Refused(f"CZLH-42000 function {name} is not known")


def rewrite_volumes(sql: str) -> str:
    """USER VOLUME, VOLUME s.v and the directory forms as something a general parser reads."""
    stream = tokenize(sql)
    edits: list[tuple[int, int, str]] = []
    position = 0

    def word(at: int) -> str:
        return stream[at].text.lower() if 0 <= at < len(stream) and stream[at].token_type != TokenType.STRING else ""

    def volume_at(at: int) -> tuple[str, int] | None:
        if word(at) == "user" and word(at + 1) == "volume":
            return "user volume", at + 2
        if word(at) in ("volume",):
            end = at + 2
            name = word(at + 1)
            while word(end) == ".":
                name += "." + word(end + 1)
                end += 2
            return f"volume {name}", end
        return None

    while position < len(stream):
        if word(position) == "(" and word(position + 1) == "show":
            found = volume_at(position + 2)
            if found and word(found[1]) == "directory":
                end = found[1] + 1
                while word(end) != ")":
                    end += 1
                edits.append(
                    (
                        stream[position].start,
                        stream[end].end + 1,
                        f"(select * from standin.files where volume = '{found[0]}')",
                    )
                )
                position = end + 1
                continue
        if word(position) == "directory" and word(position + 1) == "(":
            found = volume_at(position + 2)
            if found and word(found[1]) == ")":
                edits.append(
                    (
                        stream[position].start,
                        stream[found[1]].end + 1,
                        f"(select * from standin.files where volume = '{found[0]}')",
                    )
                )
                position = found[1] + 1
                continue
        if word(position) == "get_presigned_url" and word(position + 1) == "(":
            found = volume_at(position + 2)
            if not found:
                raise Refused("CZLH-42000 GET_PRESIGNED_URL takes USER VOLUME or VOLUME name first")
            edits.append((stream[position + 2].start, stream[found[1] - 1].end + 1, f"'{found[0]}'"))
            position = found[1]
            continue
        position += 1
    for start, end, text in reversed(edits):
        sql = sql[:start] + text + sql[end:]
    return sql


def parse_query(sql: str) -> exp.Expression:
    """The syntax tree of a query, after every rule that needs the tree."""
    check_tokens(sql)
    try:
        tree = sqlglot.parse_one(rewrite_volumes(sql), dialect=Lakehouse)
    except ParseError as error:
        raise Refused(f"CZLH-42000 syntax error: {error}") from None
    check_tree(tree)
    return tree


def check_tree(tree: exp.Expression) -> None:
    for window in tree.find_all(exp.Window):
        argument = window.this
        inner = argument.this if isinstance(argument, exp.Func) and isinstance(argument.this, exp.Expression) else None
        if inner is not None and inner.find(*AGGREGATES):
            raise Refused("CZLH-42000 an aggregate inside a window function: aggregate first, window in the next CTE")
        select = window.find_ancestor(exp.Select)
        if select is not None and select.args.get("group"):
            raise Refused("CZLH-42000 a window function beside GROUP BY: aggregate first, window in the next CTE")
    check_ai_calls(tree)


def calls_of(tree: exp.Expression, names: tuple[str, ...]) -> list[exp.Expression]:
    found = []
    for node in tree.find_all(exp.Anonymous):
        if str(node.this).lower() in names:
            found.append(node)
    return found


def ai_calls(tree: exp.Expression) -> list[exp.Expression]:
    return calls_of(tree, AI_FUNCTIONS)


def json_literal(node: exp.Expression) -> object:
    """The value of a literal JSON'...'; its text was unescaped as a string first."""
    literal = node.find(exp.Literal)
    if not isinstance(node, exp.Cast | exp.TryCast | exp.ParseJSON) or literal is None or not literal.is_string:
        raise Refused("CZLH-42000 schema and options of an AI function are JSON'...' literals")
    try:
        return json.loads(literal.this)
    except json.JSONDecodeError as error:
        raise Refused(f"CZLH-42000 the JSON literal is no JSON: {error}") from None


def check_ai_calls(tree: exp.Expression) -> None:
    calls = ai_calls(tree)
    if not calls:
        return
    texts = [call.sql() for call in calls]
    if len(set(texts)) < len(texts):
        raise Refused("standin: one AI call stands in this statement more than once; every one is paid for")
    for call in calls:
        check_ai_call(call)


def check_ai_call(call: exp.Expression) -> None:
    name = str(call.this).lower()
    arguments = call.expressions
    if not isinstance(arguments[0], exp.Literal) or not re.fullmatch(
        r"[A-Za-z0-9_-]+:[A-Za-z0-9_.:/-]+", arguments[0].this
    ):
        raise Refused("CZLH-65000 Invalid model coordinates")
    content = arguments[1]
    if name in ("ai_classify", "ai_extract"):
        if len(arguments) not in (3, 4):
            raise Refused(
                f"CZLH-42000 {name} takes model, content, {'labels' if name == 'ai_classify' else 'schema'} and options"
            )
        is_picture = isinstance(content, exp.Paren) and isinstance(content.this, exp.Alias)
        if is_picture and content.this.alias.lower() != "image":
            raise Refused(f"CZLH-42000 {name}: the picture is written (url AS image)")
        if calls_of(content, ("get_presigned_url",)) and not is_picture:
            raise Refused(f"CZLH-42000 {name}: the picture is written (url AS image)")
        image = content.this.this if is_picture else None
    else:
        image = None
        if isinstance(content, exp.Tuple):
            aliases = [item.alias.lower() if isinstance(item, exp.Alias) else "" for item in content.expressions]
            if aliases != ["prompt", "image"]:
                raise Refused("CZLH-42000 ai_complete: (prompt AS prompt, url AS image)")
            image = content.expressions[1].this
    if image is not None and not (isinstance(image, exp.Anonymous) and str(image.this).lower() == "get_presigned_url"):
        raise Refused("CZLH-42000 the image URL has to come from GET_PRESIGNED_URL")
    if name == "ai_classify":
        labels = arguments[2]
        if not isinstance(labels, exp.Array) or not 1 <= len(labels.expressions) <= 20:
            raise Refused("CZLH-42000 labels are ARRAY('a', ...) with 1 to 20 entries")
    if name == "ai_extract":
        schema = json_literal(arguments[2])
        if (
            not isinstance(schema, dict)
            or not 1 <= len(schema) <= 20
            or not all(isinstance(v, str) for v in schema.values())
        ):
            raise Refused("CZLH-42000 the schema is a flat JSON object of texts")
    options_at = 2 if name == "ai_complete" else 3
    if len(arguments) > options_at:
        options = json_literal(arguments[options_at])
        for key in ("response.timeout", "task.concurrency"):
            if key in options and not isinstance(options[key], str):
                raise Refused(f"CZLH-42000 {key} is a string")
    # Read once: the column that holds the call may be passed on, never looked at.
    column = call.find_ancestor(exp.Alias)
    select = call.find_ancestor(exp.Select)
    if column is None or column.parent is not select or column.this is not call:
        raise Refused("standin: an AI call is an output column of its own and nothing wraps it")
    parent = select.find_ancestor(exp.Select)
    if parent is not None:
        readers = [
            c
            for c in parent.find_all(exp.Column)
            if c.name.lower() == column.alias.lower() and c.find_ancestor(exp.Select) is parent
        ]
        if len(readers) > 1:
            raise Refused("standin: the column of an AI call is read more than once")


def table_names(tree: exp.Expression) -> list[str]:
    """The relations a query reads, as schema.name, without its CTEs."""
    ctes = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    found = []
    for table in tree.find_all(exp.Table):
        if not table.db and table.name.lower() in ctes:
            continue
        name = f"{table.db}.{table.name}".lower()
        if name not in found:
            found.append(name)
    return found


def non_deterministic(tree: exp.Expression) -> list[str]:
    found = {name for name in NON_DETERMINISTIC if calls_of(tree, (name,))}
    if tree.find(exp.CurrentTimestamp):
        found.add("current_timestamp")
    if tree.find(exp.CurrentDate):
        found.add("current_date")
    return sorted(found)


def unstable_aggregates(tree: exp.Expression) -> list[str]:
    """Aggregates of which only the window form has one result."""
    found = [node for node in tree.find_all(*UNSTABLE_AGGREGATES) if not node.find_ancestor(exp.Window)]
    return sorted({node.sql_name().lower() for node in found})


def grouped_queries(tree: exp.Expression) -> list[exp.Select]:
    """For each GROUP BY of the query or of one of its CTEs: a query that selects its keys."""
    queries = []
    with_ = tree.args.get("with_") or tree.args.get("with")
    ctes = list(with_.expressions) if with_ else []
    parts = [(cte.this, ctes[:number]) for number, cte in enumerate(ctes)]
    body = tree.copy()
    body.set("with_", None)
    body.set("with", None)
    parts.append((body, ctes))
    for part, before in parts:
        for select in [part] if isinstance(part, exp.Select) else list(part.find_all(exp.Select)):
            group = select.args.get("group")
            by = group.expressions if group else []
            # DISTINCT groups by every column.
            if not group and select.args.get("distinct") and not select.is_star:
                by = select.expressions
            if not by:
                continue
            keys = select.copy()
            projections = select.expressions
            chosen = []
            for key in by:
                if isinstance(key, exp.Literal) and not key.is_string:
                    key = projections[int(key.this) - 1]
                chosen.append(key.unalias().copy() if isinstance(key, exp.Alias) else key.copy())
            keys.set("expressions", [exp.alias_(key, f"k{number}") for number, key in enumerate(chosen)])
            for clause in ("group", "having", "order", "limit", "qualify", "distinct"):
                keys.set(clause, None)
            if before:
                keys = (
                    keys.with_(before[0].alias, before[0].this.copy()) if len(before) == 1 else _with_all(keys, before)
                )
            queries.append(keys)
    return queries


def _with_all(query: exp.Select, ctes: list[exp.CTE]) -> exp.Select:
    for cte in ctes:
        query = query.with_(cte.alias, cte.this.copy())
    return query


def unpartitioned_windows(tree: exp.Expression) -> bool:
    return any(not window.args.get("partition_by") for window in tree.find_all(exp.Window))


# --- translation --------------------------------------------------------------------------------------------------------

TYPE_NAMES = {
    "VARCHAR": "string",
    "BIGINT": "bigint",
    "INTEGER": "int",
    "SMALLINT": "smallint",
    "TINYINT": "tinyint",
    "HUGEINT": "decimal(38,0)",
    "DOUBLE": "double",
    "FLOAT": "float",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP WITH TIME ZONE": "timestamp_ltz",
    "JSON": "json",
}

DUCKDB_TYPES = {
    "string": "varchar",
    "timestamp": "timestamptz",
    "timestamp_ltz": "timestamptz",
    "timestamp_ntz": "timestamp",
}


def lakehouse_type(duckdb_type: str) -> str:
    text = str(duckdb_type).upper()
    if text.startswith("DECIMAL"):
        return text.lower().replace(" ", "")
    return TYPE_NAMES.get(text, text.lower())


def duckdb_type(name: str) -> str:
    lowered = name.strip().lower()
    base = re.split(r"[(<\s]", lowered)[0]
    if base not in KNOWN_TYPES:
        raise Refused(f"CZLH-42000 type {name} is not known")
    if lowered == "varchar":
        raise Refused("CZLH-42000 VARCHAR needs a length; the type of any text is STRING")
    return DUCKDB_TYPES.get(base, lowered)


def _translate(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Table) and node.db.lower() == "standin":
        node.set("catalog", exp.to_identifier("memory"))
        return node
    if isinstance(node, exp.Anonymous) and str(node.this).lower() == "datediff":
        if len(node.expressions) == 2:  # (end, start) in days
            end, start = node.expressions
            unit = "day"
        else:
            part, start, end = node.expressions
            unit = part.name.lower()
        if unit == "week":
            raise Refused("CZLH-42000 DATEDIFF(week, ...) is not available")
        # Whole units that have passed, not boundaries that were crossed.
        return exp.Anonymous(
            this="date_sub",
            expressions=[exp.Literal.string(unit), exp.cast(start, "timestamp"), exp.cast(end, "timestamp")],
        )
    if isinstance(node, exp.TimestampDiff):
        unit = exp.Literal.string(node.text("unit").lower())
        start, end = exp.cast(node.expression, "timestamp"), exp.cast(node.this, "timestamp")
        return exp.Anonymous(this="date_sub", expressions=[unit, start, end])
    if isinstance(node, exp.TimestampAdd | exp.DateAdd | exp.TimestampTrunc | exp.DateTrunc):
        # Documented to answer with TIMESTAMP_LTZ, whatever they are given.
        node.set("this", exp.cast(node.this, "timestamptz"))
        return node
    if isinstance(node, exp.Anonymous) and str(node.this).lower() == "percentile":
        return exp.Anonymous(this="quantile_cont", expressions=node.expressions)
    if isinstance(node, exp.RegexpReplace) and isinstance(node.args.get("replacement"), exp.Literal):
        # How a replacement names a group is not documented: $1 is what Java and Spark say, DuckDB says \\1.
        replacement = node.args["replacement"]
        node.set("replacement", exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", replacement.this)))
        return node
    if isinstance(node, exp.TryCast) and node.to.this in exp.DataType.INTEGER_TYPES:
        # '+12' is no integer to a cast, which gives NULL.
        text = exp.cast(node.this.copy(), "string")
        return (
            exp.Case()
            .when(exp.RegexpLike(this=text, expression=exp.Literal.string(r"^\s*\+")), exp.null())
            .else_(node.copy())
        )
    if isinstance(node, exp.Div):
        # x / 0 is NULL
        return exp.Div(
            this=exp.cast(node.this, "double"),
            expression=exp.func("nullif", exp.cast(node.expression, "double"), exp.Literal.number(0)),
            typed=False,
            safe=False,
        )
    return node


def to_duckdb(tree: exp.Expression) -> str:
    translated = tree.copy()
    # Leaves first: what a replacement holds has been translated before it.
    for node in reversed(list(translated.walk())):
        replacement = _translate(node)
        if replacement is not node:
            node.replace(replacement)
    return translated.sql(dialect="duckdb")
