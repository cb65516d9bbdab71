"""Files read once more for the rows that a load kept out: each cent once, under one name.

What belongs here: files of a few rows, their money by pool worked out by hand. What does not:
whether a report has it (``test_planted.py``), rates (``test_rates.py``).
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from ecorse.ingest.shops import Shop
from ecorse.reports.reconcile.beyond import lines_of_file
from ecorse.reports.reconcile.lines import pooled
from ecorse.sources import get_source
from ecorse.sources.mappings.source import read_mapping

DOLLARS = Shop(shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD",
               sources=())  # fmt: skip
ETSY = (
    "Sale Date,Item Name,Listing ID,Buyer,Quantity,Price,Discount Amount,Shipping Discount,"
    "Order Shipping,Order Sales Tax,Item Total,Currency,Transaction ID,Order ID"
)
TILL = """
about = "An own export, told apart by its line."
table = "order_lines"
tax = "apart"
line_key = ["line"]
columns = [
  { name = "line" },
  { name = "order", target = "order_id" },
  { name = "day", target = "ordered_local", type = "timestamp", formats = ["%Y-%m-%d"] },
  { name = "item", target = "product_name" },
  { name = "price", target = "unit_price", type = "decimal" },
  { name = "shipping", type = "decimal" },
  { name = "state" },
  { name = "kind" },
]
[constants]
quantity = 1
currency = "USD"
[[leave_out]]
id = "tests"
when = "kind = 'test'"
[[leave_out]]
id = "unpaid"
when = "state = 'unpaid'"
[[also]]
kind = "shipping"
amount = "shipping"
once_per = "order_id"
[[taken_back]]
when = "state = 'refunded'"
[[rules]]
id = "dear"
expr = "unit_price < 100"
level = "reject"
sentence = "dearer than anything"
"""


@pytest.fixture
def money(tmp_path):
    """Reads rows; gives the money by pool and part, as texts without what is nothing."""

    def of(header, *rows, source=None):
        if source is None:
            (tmp_path / "till.toml").write_text(TILL)
            source = read_mapping(tmp_path / "till.toml")
        path = tmp_path / "file.csv"
        path.write_text("".join(f"{line}\n" for line in (header, *rows)))
        found = lines_of_file(path, path.name, source, DOLLARS)
        amounts = pooled(found.kept, found.beyond).filter(pl.col("part") != "orders")
        sums = amounts.group_by("pool", "part").agg(pl.col("amount").sum()).sort("pool", "part")
        return {
            (pool, part): str(Decimal(amount).scaleb(-4).quantize(Decimal("0.01")))
            for pool, part, amount in sums.iter_rows()
            if amount
        }

    return of


def etsy(total_of_first, total_of_second):
    row = "05/03/24,{item},{n},b,1,{price},0.00,0.00,4.50,1.20,{total},USD,{n},7"
    return (
        row.format(item="Mug", n=1, price="10.00", total=total_of_first),
        row.format(item="Jug", n=2, price="20.00", total=total_of_second),
    )


def test_shipping_that_each_row_states_is_not_counted_again_with_a_refused_row(money):
    """Two items; the first row's total is not its price. Its order's shipping counts with the
    second.
    """
    assert money(ETSY, *etsy("9.00", "20.00"), source=get_source("etsy_order_items")) == {
        ("counted", "gross"): "20.00", ("counted", "shipping"): "4.50",
        ("counted", "taxes"): "1.20", ("rejected:item_total_is_another", "gross"): "10.00",
    }  # fmt: skip


def test_shipping_of_an_order_that_is_refused_whole_goes_with_it(money):
    assert money(ETSY, *etsy("9.00", "19.00"), source=get_source("etsy_order_items")) == {
        ("rejected:item_total_is_another", "gross"): "30.00",
        ("rejected:item_total_is_another", "shipping"): "4.50",
        ("rejected:item_total_is_another", "taxes"): "1.20",
    }  # fmt: skip


TILL_HEADER = "line,order,day,item,price,shipping,state,kind"


def test_nor_is_it_given_back_again(money):
    """A refunded order of a row that is refused (200.00) and one that counts (20.00)."""
    assert money(
        TILL_HEADER, "1,A,2024-05-03,Car,200.00,4.50,refunded,",
        "2,A,2024-05-03,Jug,20.00,4.50,refunded,",
    ) == {
        ("counted", "gross"): "20.00", ("counted", "returns"): "-20.00",
        ("counted", "shipping"): "4.50", ("counted", "shipping_back"): "-4.50",
        ("rejected:dear", "gross"): "200.00", ("rejected:dear", "returns"): "-200.00",
    }  # fmt: skip


def test_nor_with_a_row_that_is_left_out(money):
    assert money(
        TILL_HEADER, "1,A,2024-05-03,Mug,10.00,4.50,,test", "2,A,2024-05-03,Jug,20.00,4.50,,"
    ) == {
        ("counted", "gross"): "20.00", ("counted", "shipping"): "4.50",
        ("left_out:tests", "gross"): "10.00",
    }  # fmt: skip


def test_a_row_under_two_conditions_is_left_out_by_the_first(money):
    """As the load counts it; it is no repeat, for it repeats nothing."""
    assert money(
        TILL_HEADER, "1,A,2024-05-03,Mug,10.00,,unpaid,test", "2,B,2024-05-03,Jug,20.00,,unpaid,",
        "3,C,2024-05-03,Cup,5.00,,,",
    ) == {
        ("counted", "gross"): "5.00", ("left_out:tests", "gross"): "10.00",
        ("left_out:unpaid", "gross"): "20.00",
    }  # fmt: skip
