"""Each named check finds the rows that break it, and no others, on tables made by hand."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from ecorse.models.checks import Check, SqlCheck
from ecorse.models.relation import NamedCheck, Relation

ANY = TypeAdapter(NamedCheck)

TABLES = """
create table marts.tiny (shop_id text, id text, kind text, n integer, m integer, share numeric,
    index numeric);
insert into marts.tiny values
    ('a', '1', 'x', 1, 5, 0.25, 0.5), ('a', '2', 'x', 2, 5, 0.75, 1.5), ('b', '1', 'y', 1, 1, 1, 1);
create table marts.parts (shop_id text, part text, tiny_id text, n integer);
insert into marts.parts values
    ('a', 'p', '1', 1), ('a', 'q', '1', 0), ('a', 'p', '2', 2), ('b', 'p', '1', 1);
create table marts.pairs (shop_id text, one text, other text, score numeric);
insert into marts.pairs values ('a', '1', '2', 0.5), ('a', '2', '1', 0.5), ('a', '1', '3', 0.4);
"""

# check, what breaks it (none: the tables as they are), the rows found by their first two columns
CASES: list[tuple[dict[str, Any], str, int]] = [
    ({"check": "unique", "columns": ["shop_id", "id"]}, "", 0),
    ({"check": "unique", "columns": ["shop_id", "kind"]}, "", 1),
    ({"check": "unique", "columns": ["shop_id", "kind"], "where": "n = 1"}, "", 0),
    ({"check": "not_null", "columns": ["id", "n"]}, "", 0),
    ({"check": "not_null", "columns": ["id", "n"]}, "update {t} set n = null where n = 2", 1),
    ({"check": "not_null", "columns": ["n"], "where": "kind = 'x' or kind = 'y'"}, "", 0),
    ({"check": "filled_where", "columns": ["m"], "where": "n > 0"}, "", 0),
    ({"check": "filled_where", "columns": ["m"], "where": "n = 1"}, "", 1),
    ({"check": "filled_where", "columns": ["m"], "where": "n = 1"}, "update {t} set m = null", 2),
    # a condition that is not known does not hold
    ({"check": "filled_where", "columns": ["m"], "where": "n > 0"}, "update {t} set n = null", 3),
    ({"check": "accepted_values", "column": "kind", "values": ["x", "y"]}, "", 0),
    ({"check": "accepted_values", "column": "kind", "values": ["x", "o'y"]}, "", 1),
    ({"check": "between", "columns": ["n", "m"], "at_least": 1, "at_most": 5}, "", 0),
    ({"check": "between", "columns": ["n", "m"], "at_least": 2}, "", 2),
    ({"check": "between", "columns": ["n", "m"], "at_most": 4}, "", 2),
    ({"check": "between", "columns": ["n"], "at_least": 2, "where": "kind = 'x'"}, "", 1),
    ({"check": "compare", "columns": ["n <= m"]}, "", 0),
    ({"check": "compare", "columns": ["n < m"]}, "", 1),
    ({"check": "compare", "columns": ["n < m <= n", "id <> kind"]}, "", 3),
    ({"check": "compare", "columns": ["n < m"]}, "update {t} set n = null", 0),
    ({"check": "rows_per_group", "by": ["shop_id", "id"], "rows": 1}, "", 0),
    ({"check": "rows_per_group", "by": ["shop_id"], "rows": 2}, "", 1),
    ({"check": "rows_per_group", "by": ["shop_id"], "rows": 2, "where": "kind = 'x'"}, "", 0),
    ({"check": "one_value", "column": "kind"}, "", 0),
    ({"check": "one_value", "column": "n"}, "", 1),
    ({"check": "shares_sum_to_one", "columns": ["share"]}, "", 0),
    ({"check": "shares_sum_to_one", "columns": ["share"]}, "update {t} set share = 0.9", 2),
    ({"check": "shares_sum_to_one", "columns": ["share"], "by": ["shop_id", "id"]}, "", 2),
    # of each shop's n: a third, two thirds, all of it
    ({"check": "share_of", "shares": ["share = n"]}, "", 2),
    ({"check": "share_of", "shares": ["share = n"]}, "update {t} set share = n / 3.0", 1),
    (
        {"check": "share_of", "shares": ["share = n"]},
        "update {t} set share = case when shop_id = 'b' then 1 else round(n / 3.0, 8) end",
        0,
    ),
    (
        {"check": "share_of", "shares": ["share = n"], "by": ["shop_id", "id"]},
        "update {t} set share = 1",
        0,
    ),
    ({"check": "share_of", "shares": ["share = n"], "where": "id = '1'"}, "", 1),
    # nothing is no part of nothing
    (
        {"check": "share_of", "shares": ["share = n"], "where": "shop_id = 'b'"},
        "update {t} set n = 0",
        1,
    ),
    ({"check": "share_of", "shares": ["share = n"]}, "update {t} set n = 0, share = null", 0),
    ({"check": "share_of", "shares": ["share = n"]}, "update {t} set share = null", 3),
    ({"check": "mean_is_one", "columns": ["index"]}, "", 0),
    ({"check": "mean_is_one", "columns": ["index"], "by": ["id"]}, "", 2),
    ({"check": "no_gaps", "column": "n"}, "", 0),
    ({"check": "no_gaps", "column": "n"}, "update {t} set n = n + 1 where shop_id = 'b'", 1),
    ({"check": "no_gaps", "column": "n"}, "update {t} set n = 3 where n = 2", 1),
    # 1, 1, 3, 4: as many as the last rank, and a tie
    (
        {"check": "no_gaps", "column": "n"},
        "insert into {t} (shop_id, n) values ('b', 1), ('b', 3), ('b', 4)",
        1,
    ),
    ({"check": "never_rises", "column": "m", "along": "n"}, "", 0),
    ({"check": "never_rises", "column": "n", "along": "id"}, "", 1),
    ({"check": "never_rises", "column": "n", "along": "id", "by": ["shop_id", "id"]}, "", 0),
    ({"check": "never_rises", "column": "m", "along": "n", "ties": "id"}, "", 0),
    (
        {"check": "never_rises", "column": "m", "along": "n", "ties": "id"},
        "update {t} set id = '0' where n = 2",
        1,
    ),
    ({"check": "sums_match", "table": "marts.parts", "sums": ["n"]}, "", 0),
    ({"check": "sums_match", "table": "marts.parts", "sums": ["n"], "by": ["id = tiny_id"]}, "", 0),
    ({"check": "sums_match", "table": "marts.parts", "sums": ["m = n"]}, "", 1),
    ({"check": "sums_match", "table": "marts.parts", "sums": ["count(*)"]}, "", 1),
    (
        {
            "check": "sums_match",
            "table": "marts.parts",
            "sums": ["count(*) = count(distinct tiny_id)", "n"],
        },
        "",
        0,
    ),
    ({"check": "sums_match", "table": "marts.parts", "sums": ["n"]}, "delete from {t}", 2),
    (
        {"check": "sums_match", "table": "marts.parts", "sums": ["n"]},
        "delete from {t} where shop_id = 'b'",
        1,
    ),
    # a group that the other side lacks may stand here with 0, and with nothing else
    (
        {"check": "sums_match", "table": "marts.parts", "sums": ["n"]},
        "insert into {t} (shop_id, n) values ('c', 0)",
        0,
    ),
    (
        {"check": "sums_match", "table": "marts.parts", "sums": ["n"]},
        "insert into {t} (shop_id, n) values ('c', 1)",
        1,
    ),
    (
        {"check": "sums_match", "table": "marts.parts", "sums": ["n"]},
        "update {t} set n = null where shop_id = 'b'",
        1,
    ),
    (
        {
            "check": "sums_match",
            "table": "marts.parts",
            "sums": ["n"],
            "where": "n = 1",
            "where_there": "tiny_id in (select id from marts.tiny) and n = 1",
        },
        "",
        0,
    ),
    # each part must have the sum of all: q has 0 of 3
    (
        {"check": "sums_match", "table": "marts.parts", "sums": ["n"], "each": ["kind"]},
        "update {t} set kind = id",
        2,
    ),
    ({"check": "references", "table": "marts.parts", "on": ["shop_id", "id = tiny_id"]}, "", 0),
    (
        {
            "check": "references",
            "table": "marts.parts",
            "on": ["shop_id", "id = tiny_id"],
            "where_there": "part = 'q'",
        },
        "",
        2,
    ),
    ({"check": "covers", "table": "marts.parts", "on": ["shop_id", "id = tiny_id"]}, "", 0),
    (
        {"check": "covers", "table": "marts.parts", "on": ["shop_id", "id = tiny_id"]},
        "delete from {t} where n = 1",
        2,
    ),
    # a key that is null stands for nothing
    (
        {"check": "covers", "table": "marts.parts", "on": ["shop_id", "id = tiny_id"]},
        "update {t} set id = null where n = 2",
        1,
    ),
]


@pytest.fixture
def tiny(empty_marts):
    """Three small tables in the schema ``marts``; rolled back."""
    empty_marts.conn.execute(TABLES)
    yield empty_marts.conn
    empty_marts.conn.rollback()


@pytest.mark.parametrize(("declared", "damage", "broken"), CASES, ids=lambda v: str(v)[:60])
def test_named_check_finds_what_breaks_it(tiny, declared, damage, broken) -> None:
    if damage:
        assert tiny.execute(damage.format(t="marts.tiny")).rowcount > 0
    check = ANY.validate_python(declared).bind("tiny", ("shop_id", "id"))
    assert len(tiny.execute(check.sql).fetchall()) == broken


@pytest.mark.parametrize(
    ("damage", "broken"),
    [
        ("", 0),
        # both rows of the pair
        ("update marts.pairs set score = 0.6 where one = '2'", 2),
        ("update marts.pairs set score = 0.9 where other = '3'", 0),
        ("delete from marts.pairs where one = '2'", 0),
    ],
)
def test_symmetric(tiny, damage: str, broken: int) -> None:
    if damage:
        tiny.execute(damage)
    check = ANY.validate_python({"check": "symmetric", "pair": ["one", "other"], "same": ["score"]})
    assert len(tiny.execute(check.bind("pairs", ("shop_id",)).sql).fetchall()) == broken


def test_every_named_check_has_a_case() -> None:
    kinds = {arm["$ref"].rpartition("/")[2] for arm in ANY.json_schema()["oneOf"]}
    cased = {type(ANY.validate_python(declared)).__name__ for declared, _, _ in CASES}
    assert kinds - cased == {"Symmetric"}


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"check": "unique", "columns": ["shop_id; drop table x"]}, "a column's name"),
        ({"check": "unique", "columns": ['a" or 1=1 --']}, "a column's name"),
        ({"check": "unique", "columns": []}, "one or more"),
        ({"check": "unique", "columns": ["a"], "where": "a ="}, "is not a condition"),
        ({"check": "unique", "columns": ["a"], "where": "pg_sleep(9) is null"}, "PG_SLEEP"),
        ({"check": "unique", "columns": ["a"], "where": "1 = 1) or (b = 1"}, "is not a condition"),
        ({"check": "unique", "columns": ["a"], "where": "a = 1 group by a"}, "more than"),
        ({"check": "unique", "columns": ["a"], "where": "a = 1; select 1"}, "more than"),
        (
            {"check": "unique", "columns": ["a"], "where": "a in (select a + 1 from marts.b)"},
            "a . 1",
        ),
        ({"check": "between", "columns": ["a"]}, "needs at_least"),
        ({"check": "filled_where", "columns": ["a"]}, "Field required"),
        ({"check": "sums_match", "table": "ops.load", "sums": ["n"]}, "staging.<name>"),
        ({"check": "sums_match", "table": "marts.x", "sums": ["sum(n) + 1"]}, "here = there"),
        ({"check": "compare", "columns": ["a <= 5"]}, "columns as"),
        ({"check": "biggest", "columns": ["a"]}, "'biggest'"),
    ],
)
def test_free_text_never_gets_into_the_sql(declared, message) -> None:
    with pytest.raises(ValidationError, match=message):
        ANY.validate_python(declared)


def test_name_and_sentence_are_made_or_given() -> None:
    check = ANY.validate_python(
        {
            "check": "sums_match",
            "table": "marts.orders",
            "sums": ["orders = count(*)", "revenue"],
            "where_there": "customer_id is not null",
        }
    )
    bound = check.bind("customers", ("shop_id",))
    assert (bound.name, bound.level) == ("sums_match_orders", "fail")
    assert bound.sentence == (
        "Orders and revenue differ from marts.orders (there where customer_id is not null)"
    )
    named = check.model_copy(update={"name": "money", "level": "warn", "sentence": "Money differs"})
    bound = named.bind("customers", ("shop_id",))
    assert (bound.name, bound.level, bound.sentence) == ("money", "warn", "Money differs")


def test_a_relation_checks_its_grain_first() -> None:
    odd = SqlCheck(
        name="odd", sentence="Odd", sql="select 1 from marts.x where n = 1", level="warn"
    )
    checks: tuple[Check, ...] = (odd,)
    relation = Relation(name="x", about="X", grain=("shop_id", "id"), columns={}, checks=checks)
    assert [(c.name, c.level) for c in relation.bound_checks()] == [
        ("grain_is_not_null", "fail"),
        ("grain_is_unique", "fail"),
        ("odd", "warn"),
    ]
