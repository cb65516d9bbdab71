"""The books of a simulated shop: they add up, on either calendar, and the files hold them.

What belongs here: books by their own laws, exports read back by the plainest means. What does not:
loading exports through their mappings (``tests/sources/test_ready_made.py``).
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from datetime import datetime
from decimal import Decimal

import pytest

from ecorse.errors import ConfigError
from ecorse.origins import fetch_files
from ecorse.settings import Settings
from ecorse.simulate import Plan
from ecorse.simulate.platforms import get_platform, platform_names
from ecorse.simulate.platforms.books import CALENDARS, BookLine, Books, Buyer, Order, Refund
from ecorse.simulate.platforms.write_platform import simulate_platform

PLAN = Plan(seed=5, customers=150, orders=600, events=0, days=59)
NOBODY = Buyer("", "a@example.org", "", "", "", "", "", "")
CENTS = Decimal("0.01")


def money(text: str) -> Decimal:
    return Decimal(text)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Every platform's files and books, a folder each."""
    root = tmp_path_factory.mktemp("platforms")
    return {name: (root / name, simulate_platform(root / name, PLAN, name))
            for name in platform_names()}  # fmt: skip


def rows_of(path, delimiter=","):
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""),
                               delimiter=delimiter))  # fmt: skip


def test_an_order_worked_out_by_hand():
    """20.00 and twice 7.50, 10 % off the order, 8 % tax, 5.00 shipping; the 20.00 comes back."""
    lines = (
        BookLine(1, "A", "A", "", 1, money("20.00"), share=money("2.00"), tax=money("1.44")),
        BookLine(2, "B", "B", "", 2, money("7.50"), share=money("1.50"), tax=money("1.08")),
    )
    refund = Refund(datetime(2024, 3, 9, 2, 0), money("18.00"), tax=money("1.44"), lines=(1,))
    order = Order(1, "SIM-1", datetime(2024, 3, 5, 3, 0), NOBODY, "USD", lines, money("3.50"), "X",
                  money("5.00"), "partially_refunded", False, "", (refund,))  # fmt: skip
    books = Books("USD", "America/New_York", False, True, (order,))
    assert books.total_of(order) == money("39.02")
    assert {m: str(v) for m, v in books.totals().items()} == {
        "gross": "35.00", "discounts": "3.50", "returns": "18.00", "net": "13.50",
        "shipping": "5.00", "taxes": "1.08", "tips": "0.00", "gift_cards": "0.00",
        "total": "19.58", "refunded": "19.44",
    }  # fmt: skip
    # 3:00 and 2:00 UTC are the evening before in New York
    by_order, by_event = (books.by_day(calendar) for calendar in CALENDARS)
    assert [str(day) for day in by_order] == ["2024-03-04"]
    assert [(str(day), str(sums["total"])) for day, sums in by_event.items()] == [
        ("2024-03-04", "39.02"), ("2024-03-08", "-19.44"),
    ]  # fmt: skip


def test_what_holds_its_tax_is_not_taxed_again():
    line = BookLine(1, "A", "A", "", 1, money("11.90"), tax=money("1.90"))
    refund = Refund(datetime(2024, 3, 9), money("11.90"), tax=money("1.90"), tax_included=True)
    order = Order(1, "SIM-1", datetime(2024, 3, 5), NOBODY, "EUR", (line,), money("0.00"), "",
                  money("4.00"), "refunded", False, "", (refund,))  # fmt: skip
    books = Books("EUR", "Europe/Berlin", True, True, (order,))
    totals = books.totals()
    assert books.total_of(order) == money("15.90")
    assert (totals["total"], totals["refunded"]) == (money("4.00"), money("11.90"))


@pytest.mark.parametrize("name", platform_names())
def test_books_add_up_order_by_order(written, name):
    _, books = written[name]
    assert len(books.counted) > 500
    for order in books.orders:
        assert sum(line.share for line in order.lines) == order.discount
        assert order.subtotal == sum(
            line.quantity * line.unit_price - line.discount for line in order.lines
            if line.kind != "tip"
        ) - order.discount  # fmt: skip
        assert 0 <= order.refunded <= books.total_of(order)
        if order.state in ("refunded", "cancelled"):
            assert order.refunded == books.total_of(order)
        assert all(refund.at > order.at for refund in order.refunds)
    paid = sum(books.total_of(order) - order.refunded for order in books.counted)
    totals = books.totals()
    assert totals["total"] == paid
    for calendar in CALENDARS:
        days = books.by_day(calendar).values()
        for measure, total in totals.items():
            assert sum(day[measure] for day in days) == total
    assert all(amount == amount.quantize(CENTS) for amount in totals.values())


def test_every_kind_of_trouble_is_in_some_books(written):
    states = {order.state for _, books in written.values() for order in books.orders}
    assert states == {"paid", "refunded", "partially_refunded", "cancelled", "unpaid"}
    shopify = written["shopify_orders"][1]
    kinds = {line.kind for order in shopify.orders for line in order.lines}
    assert kinds == {"product", "tip", "gift_card"}
    assert any(order.is_test for order in shopify.orders)
    assert any(not order.buyer.customer_id for order in shopify.orders)
    assert any("\n" in order.note for order in shopify.orders)
    foreign = [o for o in written["amazon_orders"][1].orders if o.currency != "USD"]
    assert foreign


def test_the_shopify_export_holds_the_books(written):
    """Its discount amount is every discount of the order: of lines, of the whole, of shipping."""
    folder, books = written["shopify_orders"]
    rows = rows_of(folder / "simulated_orders_export.csv")
    first = {row["Name"]: row for row in rows if row["Financial Status"]}
    assert len(first) == len(books.orders)
    goods = defaultdict(Decimal)
    for row in rows:
        line = int(row["Lineitem quantity"]) * Decimal(row["Lineitem price"])
        goods[row["Name"]] += line
    for order in books.orders:
        row = first[order.order_id]
        total = goods[order.order_id] - Decimal(row["Discount Amount"])
        total += Decimal(row["Shipping"]) + Decimal(row["Taxes"])
        assert total == Decimal(row["Total"]) == books.total_of(order)
    several = [o for o in books.orders if o.discount and any(line.discount for line in o.lines)]
    assert several
    assert {row["Payment Method"] for row in first.values()} > {"bogus"}


def test_the_stripe_export_adds_up_to_its_summary(written):
    folder, books = written["stripe_itemised"]
    rows = rows_of(folder / "simulated_itemized_balance_change_from_activity.csv")
    summary = rows_of(folder / "report" / "balance_change_summary.csv")
    charges = [r for r in rows if r["charge_id"]]
    assert {r["reporting_category"] for r in rows if not r["charge_id"]} == {"payout"}
    for figure in ("gross", "fee", "net"):
        assert sum(Decimal(r[figure]) for r in charges) == sum(Decimal(r[figure]) for r in summary)
    sold = [r for r in charges if r["reporting_category"] in ("charge", "refund")]
    assert sum(Decimal(r["gross"]) for r in sold) == books.totals()["total"]
    assert {r["reporting_category"] for r in charges} == {"charge", "refund"}


def test_the_magento_export_adds_up_as_magento_does(written):
    """Rows without a parent, and what the order says once; parts of bundles say prices again."""
    folder, books = written["magento_orders"]
    items = rows_of(folder / "simulated_sales_order_item.csv")
    goods = defaultdict(Decimal)
    for row in items:
        goods[row["order_id"]] += 0 if row["parent_item_id"] else Decimal(row["row_total"])
    parts = [r for r in items if r["parent_item_id"] and Decimal(r["row_total"])]
    assert parts
    orders = {row["increment_id"]: row for row in rows_of(folder / "sales_order.csv")}
    for order in books.orders:
        row = orders[order.order_id]
        said = ("discount_amount", "shipping_amount", "tax_amount")
        total = goods[row["entity_id"]] + sum(Decimal(row[name]) for name in said)
        assert total == Decimal(row["grand_total"]) == books.total_of(order)
    assert any(Decimal(row["shipping_tax_amount"]) for row in orders.values())


def test_what_else_the_platforms_write(written):
    """Weighed goods and gift cards (Square), parcels and twins (Amazon), other dollars (eBay)."""
    folder, _ = written["square_items"]
    rows = rows_of(folder / "simulated_items.csv")
    assert {r["Qty"] for r in rows if r["Unit"] == "lb"} >= {"0.75", "-0.75"}
    assert any(r["Itemization Type"] == "Gift Card" for r in rows)
    folder, _ = written["amazon_orders"]
    rows = rows_of(folder / "simulated_all_orders.txt", delimiter="\t")
    parcels = [r for r in rows if r["sales-channel"] == "Non-Amazon"]
    assert parcels
    assert not any(r["item-price"] for r in parcels)
    keys = [(r["amazon-order-id"], r["sku"]) for r in rows]
    assert len(set(keys)) < len(keys)
    text = (written["ebay_orders"][0] / "simulated_orders_report.csv").read_text()
    assert '"C $' in text


def test_rows_to_be_refused_are_told_by_their_line(written):
    folder, books = written["amazon_orders"]
    lines = (folder / "simulated_all_orders.txt").read_bytes().decode().splitlines()
    planted = rows_of(folder / "truth" / "broken_rows.csv")
    foreign = [o for o in books.orders if o.currency != "USD" and o.state == "paid"]
    assert len(planted) == sum(len(o.lines) for o in foreign) > 0
    ids = {lines[int(row["source_line"]) - 1].split("\t")[0] for row in planted}
    assert ids == {o.order_id for o in foreign}


def test_the_same_plan_gives_the_same_bytes(written, tmp_path):
    for name, (folder, _) in written.items():
        simulate_platform(tmp_path / name, PLAN, name)
        for path in folder.rglob("*.*"):
            assert (tmp_path / name / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_the_origin_makes_an_export_with_its_books(tmp_path):
    options = {"seed": 5, "customers": 40, "orders": 60, "events": 0, "format": "shopify_orders"}
    files = fetch_files("simulate", Settings(home=tmp_path), options)
    assert [f.file_name for f in files] == ["simulated_orders_export.csv"]
    folder = files[0].path.parent
    truth = json.loads((folder / "truth.json").read_text())
    by_day = rows_of(folder / "truth" / "books_by_day.csv")
    for calendar in CALENDARS:
        total = sum(Decimal(r["total"]) for r in by_day if r["calendar"] == calendar)
        assert total == Decimal(truth["books"]["total"]) > 0
    assert (folder / "report" / "sales_over_time.csv").is_file()


def test_what_there_is_not_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"no platform 'x'.*shopify_orders"):
        get_platform("x")
    for options, told in (
        ({"format": "x"}, r"no format 'x'.*sales_csv.*shopify_orders"),
        ({"format": "shopify_orders", "suffix": ".parquet"}, "leave the suffix out"),
    ):
        with pytest.raises(ConfigError, match=told):
            fetch_files("simulate", Settings(home=tmp_path), options)
