"""What is certain is told as such, and nothing else: refunds by their amounts, missing orders.

What belongs here: a few amounts, written out. What does not: whole shops (``test_planted.py``).
"""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from ecorse.ingest.shops import Shop
from ecorse.reports.reconcile.amounts import LINE, REFUND_DAY_UNKNOWN, amounts_of
from ecorse.reports.reconcile.causes import describe
from ecorse.reports.reconcile.daily import Days
from ecorse.reports.reconcile.expect import EVENT_DATE, Setting
from ecorse.reports.reconcile.report import read_report
from ecorse.reports.reconcile.run import compare
from ecorse.reports.reconcile.trace import assigned

GOODS = frozenset({"returns"})
DAYS = Days(date(2024, 3, 1), date(2024, 3, 3))
SETTING = Setting("UTC", EVENT_DATE, frozenset({"counted"}), frozenset({REFUND_DAY_UNKNOWN}))
SHOP = Shop(shop_id="main", shop_name="Main", time_zone="UTC", currency="USD", sources=())
AT = datetime(2024, 3, 1, 12)


def lines(prices, kind="product", status="sold") -> pl.DataFrame:
    """An order line each, in dollars."""
    return pl.DataFrame(
        {
            "order_id": [f"{kind}{status}{n}" for n in range(len(prices))],
            "quantity": [1] * len(prices),
            "unit_price": [price * 10_000 for price in prices],
            "line_kind": [kind] * len(prices),
            "status": [status] * len(prices),
            "ordered_at": [AT] * len(prices),
            "ordered_local": [AT] * len(prices),
        }
    ).select(
        pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        if name == "ordered_at"
        else pl.col(name).cast(dtype)
        if name in ("order_id", "quantity", "unit_price", "line_kind", "status", "ordered_local")
        else pl.lit(None, dtype).alias(name)
        for name, dtype in LINE.items()
    )


def traced(returned, given_back):
    """The amounts of the orders of which each day's refunds are; ``None``: not certain."""
    amounts = amounts_of(lines(returned, status="returned"))
    found = assigned(amounts, SETTING, DAYS, {GOODS: [-n * 10_000 for n in given_back]})
    if found is None:
        return None
    return {day: sorted(-r.amount // 10_000 for r in those) for day, those in found.items()}


def test_a_refund_is_traced_where_it_can_be_no_other():
    assert traced([10, 30, 45], [0, 10, 75]) == {1: [10], 2: [30, 45]}


def test_a_day_that_can_be_made_in_two_ways_is_not_certain():
    assert traced([10, 5, 5], [0, 10, 0]) is None


@pytest.mark.parametrize("further", [0, 300, 500])
def test_nor_is_it_beside_any_number_of_others(further):
    """The others are in no way of 10,000: each leaves less than any has. 5,000 and 5,000 is one."""
    others = range(9_001, 9_001 + further)
    assert traced([10_000, 5_000, 5_000, *others], [0, 10_000, 0]) is None
    assert traced([10_000, 5_000, *others], [0, 10_000, 0]) == {1: [10_000]}


@pytest.mark.parametrize("further", [30, 500])
def test_what_is_too_much_to_try_is_not_certain(further):
    """1,000 is an order, and any of very many sums of the others, which cannot all be tried."""
    assert traced([1_000, *range(100, 100 + further)], [0, 1_000, 0]) is None


def test_five_hundred_others_that_cannot_be_meant_do_not_hide_it():
    assert traced([10, *range(1_000, 1_500)], [0, 10, 0]) == {1: [10]}


def test_seven_refunds_of_a_day_are_seven():
    """1 + 2 + 4 + ... + 64 is 127; of powers of two every sum is made in one way."""
    assert traced([1, 2, 4, 8, 16, 32, 64, 128], [0, 127, 0]) == {1: [1, 2, 4, 8, 16, 32, 64]}


def lacking(folder, orders, gross):
    """What is said of a report of two days, beside orders of 3.00 and 4.00 on the first."""
    path = folder / "totals.csv"
    path.write_text(f"date,orders,gross\n2024-03-01,{orders},{gross}\n2024-03-02,0,0.00\n")
    found = compare(
        read_report(path, "till", "daily_totals"), SHOP, "till", amounts_of(lines([3, 4]))
    )
    [cause] = found.explained.causes
    assert cause.name == "in_no_file"
    return describe(found, cause).sentence


def test_missing_orders_are_told_with_their_money_each(tmp_path):
    told = lacking(tmp_path, 4, "12.00")
    assert "2 orders that no loaded file has: 5.00 of gross, up to 2.50 an order" in told
    assert "none has more than 4.00" in told
    assert "wrong" not in told


def test_one_order_too_few_does_not_hide_a_wrong_figure(tmp_path):
    """999.00 beside 7.00: one order of 992.00, or a mistake."""
    told = lacking(tmp_path, 3, "999.00")
    assert "1 order that no loaded file has: 992.00 of gross, up to 992.00 an order" in told
    assert "none has more than 4.00. Are these orders on 2024-03-01, or is a figure" in told
