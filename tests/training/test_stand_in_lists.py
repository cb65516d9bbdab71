"""Lists that stand in for a model that failed: what they may not name any more leaves them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import polars as pl
import psycopg
import pytest

from ecorse.errors import ConfigError
from ecorse.training import stand_in_lists as under_test
from ecorse.warehouse.connect import connect

BUILD = 7
TABLES = {
    "user_recommendations": "shop_id text, method text, list text, customer_id text, rank integer, "
    "product_id text",
    "recommendable_products": "shop_id text, product_id text",
    "ruled_products": "shop_id text, list text, product_id text, is_allowed boolean",
    "model_scores": "shop_id text, model text, method text, list text, was_served boolean",
}
MINE, PARAMETERS = "best_sellers_lately", {"build": BUILD, "shop": "main", "served": []}


@pytest.fixture
def carried(warehouse) -> Iterator[psycopg.Connection]:
    """amy and bob have a, b, c, d on both lists; a left the shop; another method is no concern."""
    with connect() as conn:
        for name, columns in TABLES.items():
            conn.execute(f'create table builds."{name}${BUILD}" ({columns})'.encode())
        for method in (MINE, "other"):
            for kind in ("for_you", "explore"):
                for customer in ("amy", "bob"):
                    for rank, product in enumerate("abcd", start=1):
                        conn.execute(
                            f'insert into builds."user_recommendations${BUILD}" '
                            "values ('main', %s, %s, %s, %s, %s)".encode(),
                            (method, kind, customer, rank, product),
                        )
        conn.execute(
            f'insert into builds."recommendable_products${BUILD}" '
            "values ('main', 'b'), ('main', 'c'), ('main', 'd')".encode()
        )
        yield conn
        conn.rollback()


def lists(conn: psycopg.Connection, method: str = MINE) -> dict[tuple[str, str], str]:
    rows = conn.execute(
        f"select list, customer_id, string_agg(product_id, '' order by rank), max(rank) "
        f'from builds."user_recommendations${BUILD}" where method = %s group by 1, 2'.encode(),
        (method,),
    ).fetchall()
    assert all(len(products) == last for *_, products, last in rows)  # ranks have no gaps
    return {(kind, customer): products for kind, customer, products, _ in rows}


def fit(conn, declare, refused: list[tuple[str, str]], monkeypatch) -> str:
    frame = pl.DataFrame(refused, {"customer_id": pl.String, "product_id": pl.String}, orient="row")
    monkeypatch.setattr(under_test, "_refused", lambda *_: frame)
    declaration = declare(f"recommend_{MINE}")
    return under_test.fit_lists_to_tonight(conn, declaration, {**PARAMETERS, "method": MINE})


def test_without_rules_only_what_left_the_shop_goes(carried, declare, monkeypatch):
    assert fit(carried, declare, [], monkeypatch) == ""
    assert set(lists(carried).values()) == {"bcd"}
    assert set(lists(carried, "other").values()) == {"abcd"}


def test_what_rules_take_out_and_what_was_refused_goes_and_is_counted(
    carried, declare, monkeypatch
):
    for row in (("main", "explore", "c", False), ("main", "for_you", "c", True),
                ("south", "for_you", "d", False)):  # fmt: skip
        table = f'builds."ruled_products${BUILD}"'
        carried.execute(f"insert into {table} values (%s, %s, %s, %s)".encode(), row)
    told = fit(carried, declare, [("bob", "d"), ("eve", "b")], monkeypatch)
    assert lists(carried) == {
        ("for_you", "amy"): "bcd", ("explore", "amy"): "bd",
        ("for_you", "bob"): "bc", ("explore", "bob"): "b",
    }  # fmt: skip
    assert told == (
        "2 of these rows named what the shop's rules take out since, 2 of these rows named what "
        "their customer said no to since: they are gone, and their lists are shorter."
    )


def test_inputs_that_cannot_be_read_refuse_nothing(declare, monkeypatch):
    def broken(*_):
        raise ConfigError("no such column")

    monkeypatch.setattr(under_test, "read_inputs", broken)
    assert under_test._refused(declare(f"recommend_{MINE}"), 1, "main").is_empty()


def test_what_was_refused_is_read_from_the_inputs(declare, monkeypatch):
    inputs = {
        "products": pl.DataFrame({"product_id": ["a", "b"]}),
        "interactions": pl.DataFrame(
            {"customer_id": ["amy", "amy"], "product_id": ["a", "b"], "weight": [1.0, -1.0],
             "at": [datetime(2019, 1, 1)] * 2, "basket_id": ["1", "2"]}
        ),
    }  # fmt: skip
    monkeypatch.setattr(under_test, "read_inputs", lambda *_: inputs)
    assert under_test._refused(declare(f"recommend_{MINE}"), 1, "main").rows() == [("amy", "b")]
