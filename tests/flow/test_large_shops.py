"""Nights of large shops and of many shops are published, with every line and cent of each shop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecorse import flow
from ecorse.testing.staged import SHAPES, Shape, stage_shape
from ecorse.warehouse.connect import connect

BASKETS = replace(SHAPES["retail"], orders=50_000)
TEN_SHOPS = SHAPES["ten_shops"]
LARGE = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(replace(BASKETS.scaled(0.03), products=1_000), id="large baskets"),
        pytest.param(
            replace(TEN_SHOPS.scaled(0.02), shops=4, products=200, lines_per_order=4),
            id="four small shops",
        ),
        pytest.param(BASKETS, id="50,000 orders of 20 lines", marks=LARGE),
        pytest.param(TEN_SHOPS, id="ten shops", marks=LARGE),
    ],
)
def test_night_is_published_whole(warehouse, shape: Shape) -> None:
    with connect() as conn:
        staged = stage_shape(conn, shape)
        # one shop's lines are at least one per order; those that cancel others come on top
        assert staged["order_lines"] > shape.shops * shape.orders
        assert staged["events"] == shape.shops * shape.events
    summary = flow.refresh(holder="test")
    assert summary.is_published
    with connect() as conn:
        told = conn.execute(
            """
            select shop_id, sum(net_revenue), sum(lines) from marts.money_account
            group by shop_id order by shop_id
            """
        ).fetchall()
        books = conn.execute(
            """
            select shop_id, sum(money_staged), sum((rows_by_table ->> 'order_lines')::bigint)
            from ops.load group by shop_id order by shop_id
            """
        ).fetchall()
        assert told == books
        assert len(told) == shape.shops
        sold = conn.execute(
            "select shop_id, count(*) from marts.orders where left(order_id, 1) <> 'C' "
            "group by shop_id"
        ).fetchall()
        # every order has a line, so none is missing, whichever its products
        assert [orders for _, orders in sold] == [shape.orders] * shape.shops
        ((pairs, shops),) = conn.execute(
            "select count(*), count(distinct shop_id) from marts.frequently_bought_together"
        ).fetchall()
        assert (pairs > 0, shops) == (True, shape.shops)
