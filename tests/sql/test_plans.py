"""No mart's plan compares far more rows than it reads, whatever the shop is like.

Where a planner takes what it joins for one row, it compares every row with every other: nothing on
a small shop, hours on a large one. So rows are counted here, not seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ecorse.refresh.tables import grain_index
from ecorse.testing.staged import Shape, stage_shape

# large baskets in many categories, thousands of small groups, and several shops in one warehouse
SHAPES = {
    "wholesale": Shape(
        orders=1_000, lines_per_order=12, products=800, customers=300, towns=20, events=3_000
    ),
    "small": Shape(
        orders=9_000, lines_per_order=1.3, products=300, sold_once=3_000, customers=3_000,
        towns=800, events=9_000,
    ),
    "several": Shape(
        shops=5, orders=500, lines_per_order=4, products=300, customers=200, towns=20, events=2_000
    ),
}  # fmt: skip
# rows compared for each row read or given; the most today are 10 of seasonality (by month)
MOST = 20
INDEXED = {"Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Function Scan", "Values Scan"}
LABELS = """
    insert into marts.order_segments (shop_id, order_id, segmentation, segment_id, segment_name)
    select shop_id, order_id, 'segment_orders', lines % 4, 'Segment ' || lines % 4
    from marts.orders;
    insert into marts.customer_segments
        (shop_id, customer_id, segmentation, segment_id, segment_name)
    select shop_id, customer_id, 'segment_customers', orders % 4, 'Segment ' || orders % 4
    from marts.customers;
    insert into marts.segments (shop_id, segmentation, segment_id, segment_name, members)
    select shop_id, segmentation, segment_id, segment_name, count(*) from (
        select shop_id, segmentation, segment_id, segment_name from marts.order_segments
        union all
        select shop_id, segmentation, segment_id, segment_name from marts.customer_segments
    ) as labels
    group by shop_id, segmentation, segment_id, segment_name;
    insert into marts.user_recommendations (shop_id, method, list, customer_id, rank)
    select shop_id, method, list, customer_id, rank
    from marts.customers, unnest(array['x', 'y']) as method,
        unnest(array['for_you', 'explore']) as list, generate_series(1, 3) as rank;
    insert into marts.recommendation_cases
        (shop_id, method, list, customer_id, origin, window_start_date, ndcg)
    select shop_id, method, list, customer_id, origin, date '2019-03-01' - 28 * origin, 0.5
    from marts.customers, unnest(array['x', 'y']) as method,
        unnest(array['for_you', 'explore']) as list, generate_series(0, 2) as origin;
    analyze marts.order_segments, marts.customer_segments, marts.segments,
        marts.user_recommendations, marts.recommendation_cases
"""
LABELLED = {"orders", "customers"}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _rows(node: dict[str, Any]) -> float:
    """Rows that a node gave and threw away, all times it was run together."""
    gone = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    return node["Actual Loops"] * (node["Actual Rows"] + gone)


def compared(plan: dict[str, Any]) -> float:
    """Rows that the worst join looks at in vain or over and over, index look-ups apart."""
    most = 0.0
    for node in _nodes(plan):
        if "Join Type" not in node:
            continue
        looked_at = node["Actual Loops"] * node.get("Rows Removed by Join Filter", 0)
        if node["Node Type"] == "Nested Loop":
            inner = node["Plans"][1]
            leaves = [leaf for leaf in _nodes(inner) if not leaf.get("Plans")]
            if inner["Actual Loops"] > 1 and not {x["Node Type"] for x in leaves} <= INDEXED:
                looked_at += sum(map(_rows, _nodes(inner)))
        most = max(most, looked_at)
    return most


def _given(plan: dict[str, Any]) -> float:
    """Rows that a plan reads from tables, each table once, and gives."""
    tables: dict[str, float] = {}
    for node in _nodes(plan):
        if "Relation Name" in node and node["Actual Loops"] == 1 and "Plans" not in node:
            tables[node["Relation Name"]] = max(tables.get(node["Relation Name"], 0), _rows(node))
    return sum(tables.values()) + sum(node["Actual Rows"] for node in plan["Plans"])


@pytest.fixture(scope="module")
def plans(empty_marts) -> dict[str, dict[str, Any]]:
    """The plan of each mart, run on the shops above; every segmentation has four segments."""
    marts, conn = empty_marts, empty_marts.conn
    for name, shape in SHAPES.items():
        stage_shape(conn, shape, name=name)
    conn.execute("analyze")
    conn.execute("set local statement_timeout = '60s'")
    found: dict[str, dict[str, Any]] = {}
    waiting = set(LABELLED)
    for step in marts.catalog.steps():
        if step.kind == "model":
            continue
        mart = marts.catalog.marts[step.name]
        explained = f"explain (analyze, timing off, format json) insert into marts.{mart.name} "
        try:
            (answer,) = conn.execute(explained + marts.rendered(mart.name)).fetchone()
        except psycopg.errors.QueryCanceled:
            pytest.fail(f"marts.{mart.name} takes more than a minute on 60,000 lines")
        found[mart.name] = answer[0]["Plan"]
        if not mart.work_table and mart.materialized == "table":
            conn.execute(f"create index on marts.{mart.name} ({grain_index(mart.grain)})")
        conn.execute(f"analyze marts.{mart.name}")
        waiting.discard(mart.name)
        if not waiting and mart.name in LABELLED:
            conn.execute(LABELS)
    return found


def test_no_join_compares_far_more_rows_than_are_read(plans) -> None:
    ratios = {name: compared(plan) / max(1, _given(plan)) for name, plan in plans.items()}
    assert {name: round(ratio) for name, ratio in ratios.items() if ratio > MOST} == {}
