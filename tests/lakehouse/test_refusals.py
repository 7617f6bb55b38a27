"""What the stand-in refuses, and where the documentation of Lakehouse says so; which refreshes it reports as full, and why.

The paragraphs are those of the vendor's documentation as this project collected it: 1 AI functions, 2 volumes, 3 dynamic
tables, 4 tables and dialect, 5 adapter and connector. Every refusal stands beside a statement that differs in that one
point and passes, so that nothing is refused for another reason.
"""

from __future__ import annotations

import pytest
from standin.engine import Engine, Refused

PICTURE = "(get_presigned_url(user volume, path, 36000) as image)"
OPTIONS = """JSON'{"response.timeout":"300"}'"""

# paragraph, what is refused, words of the refusal, the same as it passes
REFUSED = [
    # --- 1 AI functions
    (
        "1.2",
        f"select ai_classify('qwen', {PICTURE}, array('a', 'b')) as x from q.files",
        "Invalid model coordinates",
        f"select ai_classify('endpoint:qwen', {PICTURE}, array('a', 'b')) as x from q.files",
    ),
    (
        "1.2",
        "select ai_classify('endpoint:m', ('https://x/' || path as image), array('a')) as x from q.files",
        "has to come from GET_PRESIGNED_URL",
        f"select ai_classify('endpoint:m', {PICTURE}, array('a')) as x from q.files",
    ),
    (
        "1.2",
        f"""select ai_classify('endpoint:m', {PICTURE}, array('a'), JSON'{{"response.timeout":300}}') as x from q.files""",
        "response.timeout is a string",
        f"select ai_classify('endpoint:m', {PICTURE}, array('a'), {OPTIONS}) as x from q.files",
    ),
    (
        "1.3",
        f"select ai_classify('endpoint:m', {PICTURE}, array({', '.join(f'{chr(39)}{n}{chr(39)}' for n in range(21))})) as x from q.files",
        "1 to 20 entries",
        f"select ai_classify('endpoint:m', {PICTURE}, array('1')) as x from q.files",
    ),
    (
        "1.3",
        f"""select ai_extract('endpoint:m', {PICTURE}, JSON'{{"a":{{"b":"nested"}}}}') as x from q.files""",
        "flat JSON object",
        f"""select ai_extract('endpoint:m', {PICTURE}, JSON'{{"a":"flat"}}') as x from q.files""",
    ),
    (
        "1.3",
        "select ai_complete('endpoint:m', ('p' as prompt, get_presigned_url(user volume, cast(null as string), 36000) as image)) as x",
        "invalid type of image field: void",
        "select ai_complete('endpoint:m', ('p' as prompt, get_presigned_url(user volume, 'a.png', 36000) as image)) as x",
    ),
    (
        "3.7",
        f"select x, upper(x) as y from (select ai_classify('endpoint:m', {PICTURE}, array('a')) as x from q.files) as q",
        "read more than once",
        f"select x from (select ai_classify('endpoint:m', {PICTURE}, array('a')) as x from q.files) as q",
    ),
    # --- 2 volumes
    (
        "2",
        "select get_presigned_url('a.png', 36000) as url",
        "takes USER VOLUME or VOLUME name first",
        "select get_presigned_url(volume s.v, 'a.png', 36000) as url",
    ),
    # --- 3.1 CREATE DYNAMIC TABLE
    ("3.1", "create dynamic table q.x (id bigint) as select id from q.t", "without a type", "create dynamic table q.x (id comment 'c') as select id from q.t"),
    ("3.1", "create dynamic table q.x partitioned by (days(ts)) as select id, ts from q.t", "clauses", "create dynamic table q.x partitioned by (line) as select id, line from q.t"),
    ("3.1", "create dynamic table q.x partitioned by (other) as select line from q.t", "no such column", "create dynamic table q.x partitioned by (line) as select line from q.t"),
    ("3.1", "create dynamic table q.x properties('data_lifecycle'='30') comment 'c' as select id from q.t", "clauses", "create dynamic table q.x comment 'c' properties('data_lifecycle'='30') as select id from q.t"),
    ("3.1", "create dynamic table q.x refresh interval 10 minute properties('data_lifecycle'='30') as select id from q.t", "clauses", "create dynamic table q.x properties('data_lifecycle'='30') refresh interval 10 minute as select id from q.t"),
    ("3.1", "create dynamic table q.x tblproperties('data_lifecycle'='30') as select id from q.t", "clauses", "create dynamic table q.x properties('data_lifecycle'='30') as select id from q.t"),
    ("3.1", "create dynamic table q.x refresh interval 30 second as select id from q.t", "one minute", "create dynamic table q.x refresh interval 60 second as select id from q.t"),
    ("3.1", "create dynamic table q.x refresh interval None as select id from q.t", "clauses", "create dynamic table q.x as select id from q.t"),
    ("3.1", "create dynamic table q.x refresh_interval='30 MINUTES' as select id from q.t", "clauses", "create dynamic table q.x refresh interval 30 minute vcluster gp as select id from q.t"),
    ("3.1", "create dynamic table q.x target_lag = '10 minutes' as select id from q.t", "clauses", "create dynamic table q.x refresh interval '10' minute as select id from q.t"),
    ("3.1", "create dynamic table q.x refresh interval downstream as select id from q.t", "clauses", "create dynamic table q.x refresh interval 1 hour as select id from q.t"),
    ("3.1", "create dynamic table q.d as select id from q.t", "already exists", "create dynamic table if not exists q.d as select id from q.t"),
    # --- 3.2 REFRESH, ALTER, DROP
    ("3.2", "alter dynamic table q.d refresh interval 10 minute", "not supported", "alter dynamic table q.d set comment 'c'"),
    ("3.2", "alter dynamic table q.d as select id from q.t", "not supported", "create or replace dynamic table q.d as select id, line from q.t"),
    ("3.2", "alter table q.d set properties('a'='b')", "ALTER DYNAMIC TABLE", "alter dynamic table q.d set properties('a'='b')"),
    ("3.2", "refresh dynamic table q.d full", "syntax error", "refresh dynamic table q.d"),
    ("3.2", "refresh dynamic table q.t", "no dynamic table", "refresh dynamic table q.reader"),
    ("3.2", "drop table q.reader", "dropped by DROP DYNAMIC TABLE", "drop dynamic table q.reader"),
    ("3.2", "drop dynamic table q.t", "dropped by DROP TABLE", "drop dynamic table if exists q.nothing"),
    ("3.2", "drop dynamic table q.d", "read by dynamic table q.reader", "drop dynamic table q.reader"),
    # --- 3.3 observing
    ("3.3", "show dynamic table refresh history limit 10001", "1 to 10000", "show dynamic table refresh history limit 10000"),
    # --- 3.5 incremental
    ("3.5", "create dynamic table q.x as select line, any_value(id) as id from q.t group by line", "another result incrementally", "create dynamic table q.x as select line, min(id) as id from q.t group by line"),
    ("3.5", "create dynamic table q.x as select line, approx_percentile(id, 0.5) as m from q.t group by line", "another result incrementally", "create dynamic table q.x as select line, median(id) as m from q.t group by line"),
    # --- 3.6 DML on a dynamic table
    ("3.6", "insert into q.d (id) values (cast(1 as bigint))", "DML on dynamic table", "insert into q.t (id, day) values (cast(9 as bigint), cast('2026-01-01' as date))"),
    ("3.6", "delete from q.d where id = 1", "DML on dynamic table", "delete from q.t where id = 1"),
    ("3.6", "truncate table q.d", "DML on dynamic table", "truncate table q.t"),
    # --- 4.1 CREATE TABLE
    ("4.1", "create or replace table q.x (id bigint)", "syntax error", "create table if not exists q.x (id bigint)"),
    ("4.1", "create temporary table q.x (id bigint)", "syntax error", "create table q.x (id bigint)"),
    ("4.1", "create table q.x partitioned by (line) as select line from q.t", "takes no PARTITIONED BY", "create table q.x as select line from q.t"),
    ("4.1", "create table q.x (b bool)", "type bool is not known", "create table q.x (b boolean)"),
    ("4.1", "create table q.x (s varchar)", "VARCHAR needs a length", "create table q.x (s varchar(9))"),
    ("4.1", "create table q.x (ts timestamp_ntz, id string, primary key (id)) partitioned by (days(ts))", "begin with the partition column", "create table q.x (ts timestamp_ntz, id string, primary key (ts, id)) partitioned by (days(ts))"),
    ("4.1", "create table q.x (ts timestamp_ntz, id string, primary key (id, ts)) partitioned by (days(ts))", "begin with the partition column", "create table q.x (ts timestamp_ntz, id string, primary key (id, ts) disable novalidate rely) partitioned by (days(ts))"),
    ("4.1", "create table q.x (ts timestamp_ntz) partitioned by (ts)", "not by a plain timestamp_ntz", "create table q.x (ts timestamp_ntz) partitioned by (days(ts))"),
    ("4.1", "create table q.x (a decimal(9,2)) partitioned by (a)", "not by a plain decimal", "create table q.x (a bigint) partitioned by (a)"),
    ("4.1", "create table q.x (a bigint) comment 'c' partitioned by (a)", "clauses of CREATE TABLE", "create table q.x (a bigint) partitioned by (a) comment 'c'"),
    ("4.1", "insert into q.dated select dateadd(day, n * 0, cast('2026-01-01' as timestamp_ntz)) from q.many", "no implicit cast", "insert into q.dated select cast(dateadd(day, n * 0, cast('2026-01-01' as timestamp_ntz)) as timestamp_ntz) from q.many"),
    ("4.1", "insert into q.dated select cast(dateadd(day, n, cast('2026-01-01' as timestamp_ntz)) as timestamp_ntz) from q.many", "2100 partitions", "insert into q.dated select cast(dateadd(day, n, cast('2026-01-01' as timestamp_ntz)) as timestamp_ntz) from q.many where n <= 2048"),
    ("4.1", "insert into q.keyed select 'a'", "duplicate primary keys", "insert into q.keyed select 'b'"),
    # --- 4.2 properties
    ("4.2", "show tblproperties q.t", "syntax error", "show create table q.t"),
    # --- 4.3 writing
    *(
        ("4.3", f"insert into q.t (id, {column}) values (cast(7 as bigint), '{value}')", "no implicit cast", f"insert into q.t (id, {column}) values (cast(7 as bigint), cast('{value}' as {kind}))")
        for column, value, kind in [("day", "2026-01-01", "date"), ("ts", "2026-01-01 00:00:00", "timestamp_ntz"), ("ok", "true", "boolean")]
    ),
    ("4.3", "insert into q.t (id) values ('7')", "no implicit cast", "insert into q.t (id) values (cast('7' as bigint))"),
    ("4.3", "merge into q.t using (select cast(1 as bigint) as id) as s on t.id = s.id when not matched then insert *", "syntax error", "insert into q.t (id) select cast(1 as bigint)"),
    # --- 4.5 literals
    ("4.5", "select 'it''s' as a", "not an escaped quote", "select 'it\\'s' as a"),
    ("4.5", "select cast('a' as varchar) as a", "VARCHAR needs a length", "select cast('a' as string) as a"),
    # --- 4.7 functions
    *(
        ("4.7", f"select {bad} as a from q.t", words, f"select {good} as a from q.t")
        for bad, words, good in [
            ("date_part('day', ts)", "date_part is not known", "extract(day from ts)"),
            ("datediff(week, ts, ts)", "not available", "datediff(day, ts, ts)"),
            ("convert_tz(ts, 'UTC', 'Asia/Shanghai')", "convert_tz is not known", "from_utc_timestamp(ts, 'Asia/Shanghai')"),
            ("ts at time zone 'UTC'", "AT TIME ZONE", "from_utc_timestamp(ts, 'UTC')"),
            ("percentile_cont(0.5) within group (order by id)", "percentile_cont is not known", "percentile(id, 0.5)"),
            ("percentile(0.5) within group (order by id)", "WITHIN GROUP", "percentile(id, 0.5)"),
            ("listagg(line, ',')", "listagg is not known", "group_concat(line)"),
            ("initcap(line)", "initcap is not known", "upper(line)"),
            ("regexp_substr(line, 'a')", "regexp_substr is not known", "regexp_extract(line, 'a', 0)"),
            ("iff(id > 1, 1, 0)", "iff is not known", "if(id > 1, 1, 0)"),
            ("zeroifnull(id)", "zeroifnull is not known", "coalesce(id, 0)"),
            ("regr_slope(id, id)", "regr_slope is not known", "var_samp(id)"),
            ("strftime(ts, '%Y')", "strftime is not known", "date_format(ts, 'yyyy')"),
            ("list_sort(split(line, ' '))", "list_sort is not known", "array_sort(split(line, ' '))"),
        ]
    ),
    ("4.7", "select * exclude (day) from q.t", "not EXCLUDE", "select * except (day) from q.t"),
    ("4.7", "with recursive r as (select 1 as n) select n from r", "recursive", "with r as (select 1 as n) select n from r"),
    ("4.7", "select line, sum(sum(id)) over (partition by line) as a from q.t group by line", "aggregate inside a window", "select line, sum(id) over (partition by line) as a from q.t"),
    ("4.7", "create bloomfilter index if not exists other.i on table q.t(id)", "schema of its table", "create bloomfilter index if not exists q.i on table q.t(id)"),
]  # fmt: skip


def workspace() -> Engine:
    """A few tables, a dynamic table and one that reads it."""
    engine = Engine("plant", lambda *_: "{}")
    for statement in (
        "create schema if not exists q",
        "create schema if not exists other",
        "create table q.t (id bigint, line string, ts timestamp_ntz, day date, ok boolean, amount double)",
        "insert into q.t select cast(1 as bigint), 'L1', cast('2026-01-01' as timestamp_ntz), cast('2026-01-01' as date), true, 1e0",
        "create table q.files (path string)",
        "insert into q.files select 'a.png'",
        "create table q.keyed (k string, primary key (k))",
        "insert into q.keyed select 'a'",
        "create table q.dated (ts timestamp_ntz) partitioned by (days(ts))",
        "create table q.many (n bigint)",
        "create dynamic table q.d as select id from q.t",
        "create dynamic table q.reader as select id from q.d",
        "refresh dynamic table q.d",
    ):
        engine.run(statement, {}, "q")
    engine.con.execute("insert into plant.q.many select range from range(1, 2101)")
    return engine


@pytest.mark.parametrize(
    ("paragraph", "refused", "words", "passes"), REFUSED, ids=[f"{r[0]} {r[1][:60]}" for r in REFUSED]
)
def test_what_lakehouse_refuses_is_refused(paragraph, refused, words, passes):
    with pytest.raises(Refused) as told:
        workspace().run(refused, {"cz.sql.timezone": "UTC"}, "q")
    assert words in str(told.value)
    without_check = {"cz.sql.timezone": "UTC", "cz.sql.mv.check.before.replacing.sql": "false"}
    workspace().run(passes, without_check, "q")


# paragraph, query, what else is done before the news, the mode of the refresh after the news, words of its reason
CHANGED = "insert into q.t (id, line) values (cast(2 as bigint), 'L2')"
TRACKED = "alter table q.t set properties('change_tracking'='true')"
MODES = [
    ("3.5", "select id from q.t", [TRACKED], "INCREMENTAL", ""),
    ("3.5", "select id from q.t", [], "FULL", "no change_tracking"),
    ("3.5", "select id from q.seen_through", [TRACKED], "FULL", "is a view"),
    ("3.5", "select id from q.t", [TRACKED, "drop table q.t", "create table q.t (id bigint, line string)"], "FULL", "created again"),
    ("3.5", "select line, count(*) as n from q.t group by line", [TRACKED], "INCREMENTAL", ""),
    ("3.5", "select day, count(*) as n from q.t group by day", [TRACKED], "INCREMENTAL", ""),
    ("3.5", "select ts, count(*) as n from q.t group by ts", [TRACKED], "FULL", "a group key of type timestamp_ntz"),
    ("3.5", "select distinct id, ts from q.t", [TRACKED], "FULL", "a group key of type timestamp_ntz"),
    ("3.5", "select distinct id, day from q.t", [TRACKED], "INCREMENTAL", ""),
    ("3.5", "select amount, count(*) as n from q.t group by 1", [TRACKED], "FULL", "a group key of type double"),
    ("3.5", "select id, row_number() over (partition by line order by id) as n from q.t", [TRACKED], "INCREMENTAL", ""),
    ("3.5", "select id, row_number() over (order by id) as n from q.t", [TRACKED], "FULL", "window without PARTITION BY"),
    ("3.5", "select id, current_timestamp() as seen_at from q.t", [TRACKED], "FULL", "current_timestamp is not deterministic"),
    ("3.5", "select id, current_date() as seen_on from q.t", [TRACKED], "FULL", "current_date is not deterministic"),
    ("2", "select id, get_presigned_url(user volume, line, 60) as url from q.t", [TRACKED], "FULL", "get_presigned_url is not deterministic"),
    ("3.5", "select id, first_value(id) over (partition by line order by id) as f from q.t", [TRACKED], "INCREMENTAL", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("paragraph", "query", "before", "mode", "words"), MODES, ids=[f"{m[1][:50]} {m[3]}" for m in MODES]
)
def test_refreshes_are_full_where_the_documentation_says_so(paragraph, query, before, mode, words):
    engine = workspace()
    engine.run("create view q.seen_through as select id from q.t", {}, "q")
    engine.run(f"create dynamic table q.x as {query}", {}, "q")
    engine.run("refresh dynamic table q.x", {}, "q")
    assert engine.history[-1]["refresh_mode"] == "FULL"
    for statement in [*before, CHANGED, "refresh dynamic table q.x"]:
        engine.run(statement, {}, "q")
    last = engine.history[-1]
    assert (last["refresh_mode"], words in last["reason"], bool(words)) == (mode, True, mode == "FULL")


def test_nothing_new_is_no_data_and_a_forced_refresh_is_full():
    engine = workspace()
    engine.run("refresh dynamic table q.d", {}, "q")
    assert engine.history[-1]["refresh_mode"] == "NO_DATA"
    engine.run("refresh dynamic table q.d", {"cz.optimizer.incremental.force.full.refresh": "true"}, "q")
    assert engine.history[-1]["refresh_mode"] == "FULL"


def test_a_changed_query_is_worked_in_by_a_full_refresh():
    engine = workspace()
    engine.run(TRACKED, {}, "q")
    off = {"cz.sql.mv.check.before.replacing.sql": "false"}
    engine.run("create or replace dynamic table q.d as select id, line from q.t", off, "q")
    engine.run("refresh dynamic table q.d", {}, "q")
    assert engine.history[-1]["refresh_mode"] == "FULL"
    with pytest.raises(Refused, match="would leave NULL"):
        engine.run("create or replace dynamic table q.d as select id, line, day from q.t", {}, "q")


def test_double_quotes_hold_a_text_and_bad_casts_are_null():
    engine = workspace()
    assert engine.run('select "id" as a, 1 / 0 as b from q.t', {}, "q").table.to_pylist() == [{"a": "id", "b": None}]


def test_a_plus_sign_is_no_part_of_an_integer():
    row = workspace().run("select try_cast('+12' as bigint) as a, try_cast(' -12 ' as bigint) as b", {}, "q").table
    assert row.to_pylist() == [{"a": None, "b": -12}]


def test_a_property_inside_create_table_has_no_effect():
    engine = workspace()
    engine.run("create table q.x (id bigint) properties('change_tracking'='true')", {}, "q")
    assert not engine.relations["q.x"].tracked


def test_a_time_that_follows_the_session_is_told_by_its_type():
    engine = workspace()
    described = engine.run("select dateadd(day, 1, ts) as a, date_trunc('month', ts) as b, ts as c from q.t", {}, "q")
    assert described.types == ["timestamp_ltz", "timestamp_ltz", "timestamp_ntz"]
