"""What is certain is told as such, and nothing else: refunds by their amounts, missing orders.

What belongs here: a few amounts, written out. What does not: whole shops (``test_planted.py``).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

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


def test_a_return_that_is_a_row_with_a_time_of_its_own_has_a_day():
    """A: taken back beside its sale, no day is told; B: in a row two days later; C: without any
    sale, by its pieces."""
    sold = lines([10, 10], status="sold").with_columns(order_id=pl.Series(["A", "B"]))
    back = lines([10, 10, 10], status="returned").with_columns(
        order_id=pl.Series(["A", "B", "C"]), quantity=pl.lit(-1, LINE["quantity"]),
        ordered_at=pl.col("ordered_at").dt.offset_by(pl.Series(["0d", "2d", "2d"])),
    )  # fmt: skip
    amounts = amounts_of(pl.concat([sold, back])).filter(part="returns").sort("order_id")
    assert amounts["undated"].to_list() == [REFUND_DAY_UNKNOWN, None, None]


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


@pytest.mark.parametrize(
    ("shop", "report", "told"),
    [
        # 23:30 UTC read as Berlin's clock is 22:30 UTC; the report has it on the next day, and so
        # has any clock two hours ahead of UTC
        ("Europe/Berlin", "Europe/Athens", 'say zone = "UTC" in its mapping'),
        ("Europe/Berlin", "UTC", 'say zone = "shop" in its mapping'),
        ("Europe/Berlin", "America/New_York", ""),
        ("UTC", "Europe/Berlin", ""),
    ],
)
def test_a_clock_that_the_files_may_be_on_is_told(tmp_path, shop, report, told):
    """An order an hour for two weeks of winter: every other clock has other sums of its days."""
    start = datetime(2024, 1, 8)
    times = [start + timedelta(hours=n) for n in range(24 * 14)]
    sold = lines([1 + n % 7 for n in range(len(times))]).with_columns(
        ordered_at=pl.Series(times).dt.replace_time_zone("UTC")
    )
    there = sold["ordered_at"].dt.convert_time_zone(report).dt.date()
    days = (
        sold.group_by(there.alias("day"))
        .agg(pl.len(), pl.col("unit_price").sum() // 10_000)
        .sort("day")
    )[1:-1]
    path = tmp_path / "totals.csv"
    rows = [f"{day},{orders},{gross}.00" for day, orders, gross in days.iter_rows()]
    path.write_text("\n".join(["date,orders,gross", *rows]) + "\n")
    found = compare(
        read_report(path, "till", "daily_totals"), SHOP.model_copy(update={"time_zone": shop}),
        "till", amounts_of(sold),
    )  # fmt: skip
    [cause] = [c for c in found.explained.causes if c.name == "time_zone"]
    sentence = describe(found, cause).sentence
    assert ("Or the times of the source" in sentence) == bool(told)
    assert told in sentence
