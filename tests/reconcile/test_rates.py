"""Rows that were kept out are converted by the shop's rates, as those that count are.

What belongs here: a simulated export with orders in another currency, its money by the books. What
does not: which rate holds for a line (``tests/clean/test_rates.py``).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest

from ecorse.clean.rates import RATES_SCHEMA, Rates
from ecorse.ingest.shops import Shop
from ecorse.reports.reconcile.beyond import lines_of_file
from ecorse.reports.reconcile.lines import pooled
from ecorse.simulate import Plan
from ecorse.simulate.platforms import get_platform
from ecorse.simulate.platforms.draw_books import draw_books
from ecorse.simulate.shop import Shop as Simulated
from ecorse.sources import get_source

PLAN = Plan(seed=4, customers=60, orders=200, events=0, days=20)
RATE = Decimal("0.73")
FIRST = date(2019, 1, 1)


def rates(days: int) -> Rates:
    rows = [(FIRST + timedelta(days=n), "CAD", "USD", RATE, False) for n in range(days)]
    return Rates.of(pl.DataFrame(rows, schema=RATES_SCHEMA, orient="row"), "USD")


@pytest.fixture(scope="module")
def books():
    """Many test orders, and many orders in another currency; some are both."""
    habits = replace(get_platform("shopify_orders").habits, foreign=0.3, test=0.2)
    return draw_books(Simulated(PLAN), habits)


def gross(folder, books, rates) -> dict[str, Decimal]:
    """Gross money by pool."""
    [(name, content)] = get_platform("shopify_orders").export(books).items()
    (folder / name).write_bytes(content)
    source = get_source("shopify_orders")
    source = replace(source, contract=replace(source.contract, foreign_currency="convert"))
    shop = Shop(shop_id="main", shop_name="Main", time_zone=books.time_zone,
                currency="USD", sources=())  # fmt: skip
    found = lines_of_file(folder / name, name, source, shop, rates)
    amounts = pooled(found.kept, found.beyond).filter(part="gross")
    sums = amounts.group_by("pool").agg(pl.col("amount").sum())
    return {pool: Decimal(amount).scaleb(-4) for pool, amount in sums.iter_rows()}


def worth(orders, rate=RATE) -> Decimal:
    return sum(
        (line.gross * (rate if order.currency == "CAD" else 1)
         for order in orders for line in order.of("product")),
        Decimal(0),
    )  # fmt: skip


def test_what_was_left_out_is_in_the_shops_money(tmp_path, books):
    found = gross(tmp_path, books, rates(120))
    tests = [o for o in books.orders if o.is_test]
    assert any(o.currency == "CAD" for o in tests)
    assert found["left_out:test_orders"] == worth(tests)
    assert found["counted"] + found["cancelled"] == worth(o for o in books.orders if not o.is_test)
    assert set(found) == {"counted", "cancelled", "left_out:test_orders"}


def test_what_has_no_rate_is_named_by_its_currency(tmp_path, books):
    found = gross(tmp_path, books, rates(0))
    foreign = [o for o in books.orders if o.currency == "CAD"]
    ours = [o for o in books.orders if o.currency == "USD"]
    assert found["currency:CAD"] == worth(foreign, Decimal(1))
    assert found["left_out:test_orders"] == worth(o for o in ours if o.is_test)
    assert found["counted"] + found["cancelled"] == worth(o for o in ours if not o.is_test)
