"""Checks run together find what each finds alone, on small tables broken in every way.

The single statement of a check is the truth here: ``tests/sql/test_named_checks.py`` states what it
must find, worked out by hand.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ecorse.errors import ConfigError
from ecorse.models.checks import BoundCheck, SqlCheck
from ecorse.models.relation import NamedCheck
from ecorse.models.totals import Measure, Totals
from ecorse.refresh.audit import SAMPLE_ROWS, judge
from ecorse.refresh.shared import SharedTotals, placed

ANY = TypeAdapter(NamedCheck)
PART = "kind in (select kind from marts.other)"
# every kind, several of each on the same rows, with and without conditions
DECLARED: list[dict[str, Any]] = [
    {"check": "not_null", "columns": ["id", "n"]},
    {"check": "not_null", "columns": ["x"], "where": "kind = 'k' or n > 1"},
    {"check": "filled_where", "columns": ["x"], "where": "n > 0"},
    {"check": "accepted_values", "column": "kind", "values": ["k", "from marts.other", "o'k"]},
    {"check": "between", "columns": ["n", "x"], "at_least": 0, "at_most": 2},
    {"check": "between", "columns": ["x"], "at_least": 0.5, "where": PART},
    {"check": "compare", "columns": ["n <= x", "id <> kind"]},
    {"check": "unique", "columns": ["shop_id", "id"]},
    {"check": "unique", "columns": ["id", "shop_id"], "where": "n > 0"},
    {"check": "unique", "columns": ["shop_id"]},
    {"check": "rows_per_group", "by": ["shop_id", "id"], "rows": 2},
    {"check": "one_value", "column": "kind"},
    {"check": "one_value", "column": "kind", "by": ["shop_id", "id"], "where": "x is not null"},
    {"check": "no_gaps", "column": "n"},
    {"check": "no_gaps", "column": "n", "where": "kind = 'k'"},
    {"check": "shares_sum_to_one", "columns": ["x"]},
    {"check": "shares_sum_to_one", "columns": ["x", "n"], "by": ["shop_id", "id"]},
    {"check": "mean_is_one", "columns": ["x", "n"]},
    {"check": "share_of", "shares": ["x = n"]},
    {"check": "never_rises", "column": "x", "along": "n"},
    {"check": "symmetric", "pair": ["id", "kind"], "same": ["n"]},
    {"check": "sums_match", "table": "marts.other", "sums": ["n", "x", "count(*)"]},
    {
        "check": "sums_match", "table": "marts.other", "by": ["shop_id", "id = kind"],
        "sums": ["n = count(distinct id)", "count(distinct kind) = n", "count(*)"],
    },
    {
        "check": "sums_match", "table": "marts.other",
        "sums": ["n", "count(*) = count(distinct id)"],
        "where": "kind = 'k'", "where_there": "n > 0",
    },
    {"check": "sums_match", "table": "marts.other", "sums": ["n"], "each": ["kind"]},
    {"check": "covers", "table": "marts.other", "on": ["shop_id", "id"]},
    {"check": "covers", "table": "marts.other", "on": ["shop_id"], "where_there": "n > 1"},
    {"check": "references", "table": "marts.other", "on": ["shop_id", "id = kind"], "where": PART},
]  # fmt: skip
CHECKS = [
    (table, ANY.validate_python({**one, "name": f"{one['check']}_{number}"}).bind(table, ("id",)))
    for table in ("here", "other")
    for number, one in enumerate(DECLARED)
]
WORDS = st.sampled_from([None, "a", "b", "k", "o'k", "from marts.other"])
NUMBERS = st.sampled_from([None, 0, 1, 2, 3, -1])
FLOATS = st.sampled_from([None, 0.0, 0.5, 1.0, 2.0, -1.0, float("nan"), float("inf")])
ROWS = st.lists(st.tuples(st.sampled_from(["s", "t", None]), WORDS, WORDS, NUMBERS, FLOATS))


def _as_it_stands(schema: str, table: str) -> str:
    return f"{schema}.{table}"


def _alone(conn: psycopg.Connection, check: BoundCheck) -> list[Any]:
    return conn.execute(check.sql).fetchall()


@pytest.fixture
def conn(postgres):
    """Two small tables in the schema ``marts``, rolled back."""
    with psycopg.connect(postgres.url("ecorse_etl", database="ecorse_template")) as conn:
        for name in ("here", "other"):
            conn.execute(
                f"create table marts.{name} "
                "(shop_id text, id text, kind text, n integer, x double precision)"
            )
        yield conn
        conn.rollback()


def _fill(conn: psycopg.Connection, here: list[tuple], other: list[tuple]) -> None:
    conn.execute("truncate marts.here, marts.other")
    with conn.cursor() as cursor:
        for name, rows in (("here", here), ("other", other)):
            cursor.executemany(f"insert into marts.{name} values (%s, %s, %s, %s, %s)", rows)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(here=ROWS, other=ROWS)
def test_together_they_find_what_each_finds_alone(conn, here, other) -> None:
    _fill(conn, here, other)
    for (_, check), result in zip(CHECKS, judge(conn, CHECKS, _as_it_stands), strict=True):
        found = _alone(conn, check)
        assert (result.name, result.failing_rows) == (check.name, len(found))
        assert len(result.sample) == min(len(found), SAMPLE_ROWS)


def test_every_kind_is_there() -> None:
    kinds = {arm["$ref"].rpartition("/")[2] for arm in ANY.json_schema()["oneOf"]}
    assert {type(ANY.validate_python(one)).__name__ for one in DECLARED} == kinds


def test_totals_wanted_twice_are_computed_once(conn) -> None:
    _fill(conn, [("s", "a", "k", 1, 0.5), ("s", "b", "k", 2, None), ("t", "a", "a", 3, 1.0)], [])
    by_shop = Totals("marts.here", ("shop_id",), (Measure("n", 'sum("n")'),))
    of_k = Totals("marts.here", ("shop_id",), (Measure("rows", "count(*)"),), "kind = 'k'")
    by_id = Totals("marts.here", ("id",))

    def reading(*totals: Totals) -> BoundCheck:
        def on_totals(at) -> str:
            return " union all ".join(f"select 1 from {t.read(at)} as t" for t in totals)

        return BoundCheck("some", "fail", "", "", on_totals=on_totals)

    shared = SharedTotals(conn, _as_it_stands, [reading(by_shop), reading(of_k), reading(by_id)])
    conn.execute("truncate marts.here")  # what is read now was computed before
    assert sorted(conn.execute(f"select * from {shared.at(by_shop)} as q").fetchall()) == [
        ("s", 3),
        ("t", 3),
    ]
    assert conn.execute(f"select * from {shared.at(of_k)} as q").fetchall() == [("s", 2)]
    assert conn.execute(f"select * from {shared.at(by_id)} as q").fetchall() == []  # one reader
    shared.drop()
    assert conn.execute(
        "select count(*) from pg_class where relname like 'shared_%'"
    ).fetchone() == (0,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"check": "not_null", "columns": ["gone"]},
        {"check": "unique", "columns": ["shop_id", "gone"]},
        {"check": "sums_match", "table": "marts.other", "sums": ["gone"]},
        {"check": "references", "table": "marts.other", "on": ["gone"]},
    ],
    ids=lambda one: one["check"],
)
def test_an_error_names_mart_and_check(conn, wrong) -> None:
    check = ANY.validate_python({**wrong, "name": "mine"}).bind("here", ("id",))
    for place in (0, len(CHECKS)):  # the first or the last of those that share a scan
        every = [*CHECKS[:place], ("here", check), *CHECKS[place:]]
        with (
            pytest.raises(ConfigError, match=r"'mine' of marts\.here: .*\"?gone\"?.* not exist"),
            conn.transaction(),
        ):
            judge(conn, every, _as_it_stands)
    assert len(judge(conn, CHECKS, _as_it_stands)) == len(CHECKS)


def test_seconds_are_shared_out(conn) -> None:
    odd = SqlCheck(name="slow", sentence="Slow", sql="select pg_sleep(0.1) as slept")
    checks = [*CHECKS, ("here", odd.bind("here", ("id",)))]
    results = judge(conn, checks, _as_it_stands)
    assert results[-1].seconds > 0.1
    assert all(result.seconds > 0 for result in results)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1 from marts.a where x", 'select 1 from builds.a as "a" where x'),
        ('SELECT 1 FROM "marts"."a"', 'SELECT 1 from builds.a as "a"'),
        ("select 'from marts.a' from marts.b", "select 'from marts.a' from builds.b as \"b\""),
        ("select 'it''s', 'from marts.a'", "select 'it''s', 'from marts.a'"),
        ("select 1 from pg_temp.shared_1", "select 1 from pg_temp.shared_1"),
    ],
)
def test_only_relations_are_placed(sql: str, expected: str) -> None:
    assert placed(sql, lambda schema, table: f"builds.{table}") == expected
