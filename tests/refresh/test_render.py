"""Rewriting a mart's references to the relations of a build."""

from __future__ import annotations

import pytest
import sqlglot

from ecorse.errors import ConfigError
from ecorse.refresh.render import render


def _resolve(schema: str, table: str) -> str:
    if schema == "staging":
        return f"(select s.* from staging.{table} as s where s.load_id in (7, 8))"
    return f'"builds"."{table}$12"' if schema == "marts" else f"{schema}.{table}"


def _same(found: str, expected: str) -> bool:
    return sqlglot.parse_one(found, dialect="postgres") == sqlglot.parse_one(
        expected, dialect="postgres"
    )


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        # without an alias the table's own name still qualifies its columns
        (
            "select orders.shop_id from marts.orders",
            'select orders.shop_id from "builds"."orders$12" as orders',
        ),
        (
            "select o.shop_id from marts.orders as o",
            'select o.shop_id from "builds"."orders$12" as o',
        ),
        (
            "select l.shop_id from staging.order_lines as l",
            "select l.shop_id from (select s.* from staging.order_lines as s "
            "where s.load_id in (7, 8)) as l",
        ),
        # a CTE of a mart's name is that CTE, the mart inside it is the mart
        (
            "with orders as (select shop_id from marts.orders) select shop_id from orders",
            'with orders as (select shop_id from "builds"."orders$12" as orders) '
            "select shop_id from orders",
        ),
        (
            "select a.shop_id from marts.x as a inner join marts.y as b on a.shop_id = b.shop_id "
            "where a.shop_id in (select shop_id from ops.shop)",
            'select a.shop_id from "builds"."x$12" as a inner join "builds"."y$12" as b '
            "on a.shop_id = b.shop_id where a.shop_id in (select shop_id from ops.shop as shop)",
        ),
        (
            "select a.shop_id from marts.x as a, marts.y as b",
            'select a.shop_id from "builds"."x$12" as a, "builds"."y$12" as b',
        ),
        # a table function and a string that looks like a reference stay
        (
            "select d.d as shop_id from marts.x as a cross join lateral "
            "generate_series(a.lo, a.hi, interval '1 day') as d(d) where a.t = 'marts.orders'",
            'select d.d as shop_id from "builds"."x$12" as a cross join lateral '
            "generate_series(a.lo, a.hi, interval '1 day') as d(d) where a.t = 'marts.orders'",
        ),
    ],
)
def test_references_are_rewritten_and_nothing_else(sql: str, expected: str) -> None:
    assert _same(render(sql, _resolve), expected)


def test_a_reference_that_marts_may_not_read_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"ops\.load"):
        render("select 1 as x from ops.load", _resolve)
