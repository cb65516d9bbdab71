"""Every figure that a receipt tells, counted again in SQL from what was in the baskets."""

from __future__ import annotations

import pytest

from ecorse.warehouse.connect import connect

# each own product that a row rests on, beside what SQL counts of the pair
REASONS = """
with baskets as (
    select distinct basket_id, product_id, customer_id, basket_local
    from marts.basket_products where shop_id = 'main'
),
told as (
    select r.method, r.list, r.customer_id, r.product_id, r.source,
        entry ->> 'product' as own_id, cast(entry ->> 'share' as double precision) as share,
        cast(entry ->> 'together' as bigint) as together,
        cast(entry ->> 'orders' as bigint) as orders,
        cast(entry ->> 'other_orders' as bigint) as other_orders,
        cast(entry ->> 'lift' as double precision) as lift,
        cast(r.evidence ->> 'all_orders' as bigint) as all_orders
    from marts.user_recommendations as r
    cross join lateral jsonb_array_elements(r.evidence -> 'because') as entry
)
select told.*,
    (
        select count(*) from baskets as one
        inner join baskets as other using (basket_id)
        where one.product_id = told.own_id and other.product_id = told.product_id
    ) as sql_together,
    (select count(*) from baskets where product_id = told.own_id) as sql_orders,
    (select count(*) from baskets where product_id = told.product_id) as sql_other_orders,
    (select count(distinct basket_id) from baskets) as sql_all_orders,
    exists (
        select 1 from baskets
        where product_id = told.own_id and customer_id = told.customer_id
    ) as customer_had_it
from told
"""
SALES = """
with baskets as (
    select distinct basket_id, product_id, basket_local from marts.basket_products
    where shop_id = 'main'
),
late as (
    select * from baskets
    where basket_local > (select max(basket_local) from baskets) - interval '28 days'
)
select r.product_id, r.level, r.reason,
    cast(r.evidence ->> 'orders' as bigint) as orders,
    cast(r.evidence ->> 'late_orders' as bigint) as late_orders,
    cast(r.evidence ->> 'all_late_orders' as bigint) as all_late_orders,
    (select count(*) from baskets where product_id = r.product_id) as sql_orders,
    (select count(*) from late where product_id = r.product_id) as sql_late_orders,
    (select count(distinct basket_id) from late) as sql_all_late_orders
from marts.user_recommendations as r
where r.evidence ? 'late_orders'
"""


def rows(query: str) -> list[dict]:
    with connect("app_reader") as conn:
        cursor = conn.execute(query)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def test_every_reason_of_every_row_equals_sql(asked):
    told = rows(REASONS)
    assert len(told) > 500
    assert {row["method"] for row in told} == {"for_customers"}
    itself = [row for row in told if row["own_id"] == row["product_id"]]
    assert itself
    for row in told:
        assert row["customer_had_it"], row
        assert 0 < row["share"] <= 1, row
        assert row["orders"] == row["sql_orders"] > 0, row
        assert row["all_orders"] == row["sql_all_orders"], row
        if row in itself:
            assert row["list"] == "for_you", row
            assert row["together"] is None, row
            continue
        assert row["together"] == row["sql_together"], row
        assert row["other_orders"] == row["sql_other_orders"], row
        lift = row["sql_together"] * row["sql_all_orders"] / row["sql_orders"]
        assert row["lift"] == pytest.approx(lift / row["sql_other_orders"], abs=5.1e-5), row


def test_every_count_of_sales_equals_sql(asked):
    told = rows(SALES)
    assert len(told) > 100
    assert {row["level"] for row in told} >= {0, 1}
    for row in told:
        assert row["orders"] == row["sql_orders"], row
        assert row["late_orders"] == row["sql_late_orders"], row
        assert row["all_late_orders"] == row["sql_all_late_orders"], row
        if row["late_orders"]:
            told_of = f"in {row['late_orders']} of {row['all_late_orders']} orders of the last 28"
            assert told_of in row["reason"], row


def test_every_row_has_a_sentence_and_its_source(asked):
    told = rows("select method, list, source, reason, evidence from marts.user_recommendations")
    assert {row["list"] for row in told} == {"for_you", "explore", "buy_again"}
    for row in told:
        assert len(row["reason"]) > 8, row
        assert row["source"], row
        assert row["evidence"], row


def test_what_the_frequent_pairs_say_is_what_receipts_say(asked):
    """The mart of pairs counts by itself, from bits in SQL."""
    pairs = {
        (row["product_id"], row["other_product_id"]): (row["together_baskets"], row["lift"])
        for row in rows(
            "select product_id, other_product_id, together_baskets, lift "
            "from marts.frequently_bought_together"
        )
    }
    told = [row for row in rows(REASONS) if (row["own_id"], row["product_id"]) in pairs]
    assert told
    for row in told:
        together, lift = pairs[row["own_id"], row["product_id"]]
        assert (row["together"], row["lift"]) == (together, pytest.approx(lift, abs=5.1e-5))
