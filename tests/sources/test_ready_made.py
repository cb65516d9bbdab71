"""Ready-made sources: what a platform's export holds is, through its mapping, what its books say.

What belongs here: simulated exports of shop systems against the books they were written from. What
does not: the books (``tests/simulate/test_platform_books.py``), exports written otherwise
(``test_exports_otherwise.py``), public data sets (``test_public_sets.py``), a published night
(``tests/integration/test_ten_shops.py``).
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest

from ecorse.ingest.check import check_file
from ecorse.settings import PROJECT_DIR
from ecorse.simulate.platforms import get_platform, platform_names
from ecorse.simulate.platforms.books import cents
from exports import CHARGED, PRICED, SIGNED, SOLD, figures, lines_of, shop_of


def expected(name, books) -> dict[str, Decimal]:
    totals = books.totals()
    wanted = {m: books.charged()[m] for m in CHARGED}
    return wanted | {m: totals[m] for m in ("refunded", "total")}


# Stripe has no goods, and Square takes tax and discounts back on rows of their own kind
OTHERWISE = ("stripe_itemised", "square_items")


@pytest.mark.parametrize("name", [n for n in platform_names() if n not in OTHERWISE])
def test_every_measure_is_that_of_the_books(export, name):
    _, books, lines, _, _ = export(name)
    assert figures(lines) == expected(name, books)


def test_square_has_gross_net_and_tax(export):
    _, books, lines, _, _ = export("square_items")
    found, totals = figures(lines), books.totals()
    assert found["gross"] == totals["gross"]
    assert found["taxes"] == totals["taxes"]
    assert found["total"] == totals["total"]
    goods = lines.filter(pl.col("line_kind").is_in(["product", "discount"]))
    assert goods.select(SIGNED.sum()).item() == totals["net"]


def test_stripe_has_the_money_and_its_fees(export):
    path, books, lines, _, _ = export("stripe_itemised")
    found, wanted = figures(lines), expected("stripe_itemised", books)
    charged = wanted["total"] + wanted["refunded"]
    with (path.parent / "report" / "balance_change_summary.csv").open() as file:
        summary = {row["reporting_category"]: row for row in csv.DictReader(file)}
    assert found["gross"] == charged == Decimal(summary["charge"]["gross"])
    assert found["refunded"] == wanted["refunded"] == -Decimal(summary["refund"]["gross"])
    assert found["total"] == sum(Decimal(row["net"]) for row in summary.values())


@pytest.mark.parametrize("name", platform_names())
def test_only_what_is_planned_is_refused(export, name):
    path, books, _, rejected, account = export(name)
    with (path.parent / "truth" / "broken_rows.csv").open() as file:
        planned = list(csv.DictReader(file))
    assert rejected["source_line"].sort().to_list() == [int(r["source_line"]) for r in planned]
    assert set(rejected["rule"]) <= {"foreign_currency"}
    truth = json.loads((path.parent / "truth.json").read_text())
    assert account.ignored.total() == truth["files"][0]["blank_rows"]
    tests = sum(len(order.lines) for order in books.orders if order.is_test)
    assert account.ignored["test_orders"] == tests


@pytest.mark.parametrize("name", platform_names())
def test_every_order_is_worth_what_its_books_say(export, name):
    _, books, lines, _, _ = export(name)
    worth = defaultdict(Decimal, lines.group_by("order_id").agg(SIGNED.sum()).iter_rows())
    if name == "stripe_itemised":
        fees = lines.filter(pl.col("line_kind") == "fee").group_by("order_id").agg(SIGNED.sum())
        worth = {f"{order[:-3]}": worth[order] - fee for order, fee in fees.iter_rows()}
    for order in books.counted:
        assert worth[order.order_id] == books.total_of(order) - order.refunded, order


@pytest.mark.parametrize("name", platform_names())
def test_days_are_those_of_the_shop(export, name):
    """Gross per day of the order, on the shop's wall clock."""
    _, books, lines, _, _ = export(name)
    products = lines.filter(SOLD, pl.col("line_kind") == "product")
    by_day = products.group_by(pl.col("ordered_local").dt.date()).agg(PRICED.sum())
    if name == "stripe_itemised":
        wanted = Counter()
        for order in books.counted:
            wanted[books.local(order.at).date()] += books.total_of(order)
    else:
        wanted = Counter()
        for entry in books.entries():
            if entry.measure == "gross" and not entry.is_refund:
                wanted[entry.order_date] += entry.amount
    assert {day: amount.quantize(Decimal("0.01")) for day, amount in by_day.iter_rows()} == wanted


@pytest.mark.parametrize("name", platform_names())
def test_check_passes_but_for_what_is_planned(export, name):
    path, books, _, rejected, _ = export(name)
    checked = check_file(path, name, shop_of(books))
    assert not checked.refusal
    assert [problem.line for problem in checked.problems] == rejected["source_line"].to_list()


@pytest.mark.parametrize("name", ["etsy_order_items", "ebay_orders"])
def test_a_date_without_a_time_tells_no_hour(export, name):
    _, _, lines, _, _ = export(name)
    assert lines["is_date_only"].all()


def test_guests_are_no_customer(export):
    _, books, lines, _, _ = export("woocommerce_orders")
    guests = {o.order_id for o in books.orders if not o.buyer.customer_id}
    of_guests = lines.filter(pl.col("order_id").is_in(list(guests)))
    assert of_guests.height
    assert set(of_guests["customer_key_kind"]) == {"email"}
    assert "0" not in set(lines["customer_id"])


@pytest.mark.parametrize("name", ["amazon_orders", "shopify_orders"])
def test_two_equal_lines_of_an_order_are_two(export, name):
    _, books, lines, _, _ = export(name)
    twice = [o for o in books.counted if o.state == "paid" and o.number % 60 == 0]
    assert len(twice) > 5
    for order in twice:
        goods = lines.filter(line_kind="product", order_id=order.order_id)
        assert goods.height == len(order.of("product"))
        assert goods["line_id"].n_unique() == goods.height


def test_weighed_goods_are_whole_pieces_and_their_money_is_exact(export):
    path, books, lines, _, account = export("square_items")
    weighed = [r for r in csv.DictReader(path.open()) if r["Unit"] == "lb"]
    parts = sum("." in r["Qty"] and not r["Qty"].endswith(".0") for r in weighed)
    assert account.repaired["quantity_round_up"] == parts > 20
    pieces = lines.filter(SOLD, pl.col("line_kind") == "product")["quantity"].sum()
    assert pieces == sum(line.quantity for o in books.counted for line in o.of("product"))


def test_gift_cards_of_square_are_no_products(export):
    _, books, lines, _, _ = export("square_items")
    assert figures(lines)["gift_cards"] == books.charged()["gift_cards"] > 0


def test_what_stripe_takes_is_no_refund(export, tmp_path):
    """A fee of 0.05 is a fee, and a tenth passed on an adjustment, each on its own day."""
    _, books, *_ = export("stripe_itemised")
    platform = get_platform("stripe_itemised")
    [(name, content)] = platform.export(replace(books, takes_apart=True)).items()
    (tmp_path / name).write_bytes(content)
    lines, _, account = lines_of("stripe_itemised", tmp_path / name, shop_of(books))
    assert figures(lines)["refunded"] == books.totals()["refunded"]
    assert account.ignored["payouts"] == platform.no_sales(books) > 0
    later = lines.filter(pl.col("refunded_local") != pl.col("ordered_local"))
    fees, passed_on = (later.filter(line_kind=kind) for kind in ("fee", "adjustment"))
    assert set(fees["unit_price"]) == {Decimal("-0.05")}
    assert fees.height == sum(order.number % 40 == 0 for order in books.orders) > 0
    tenths = [books.total_of(o) / 10 for o in books.orders if o.number % 90 == 0]
    assert -passed_on["unit_price"].sum() == sum(cents(t) for t in tenths)
    made = pl.concat([fees, passed_on])
    assert (made["refunded_local"] - made["ordered_local"]).dt.total_hours().unique().to_list() == [
        24
    ]


def test_a_full_refund_takes_back_every_line(export):
    _, books, lines, _, _ = export("shopify_orders")
    back = next(o for o in books.counted if o.state == "refunded" and len(o.lines) > 1)
    of_order = lines.filter(pl.col("order_id") == back.order_id)
    goods = of_order.filter(pl.col("line_kind") == "product")
    assert Counter(goods["status"]) == {
        "sold": len(back.of("product")), "returned": len(back.of("product")),
    }  # fmt: skip
    assert of_order.select(SIGNED.sum()).item() == 0


@pytest.mark.parametrize("name", platform_names())
def test_the_figures_of_its_page_are_those_of_the_simulated_shop(export, name):
    """The last column of the page's table: of the books, of the report, or of the lines."""
    path, books, lines, _, _ = export(name)
    known = {*books.totals().values(), *books.charged().values(), *figures(lines).values()}
    known |= {
        abs(amount) for _, amount in lines.group_by("line_kind").agg(SIGNED.sum()).iter_rows()
    }
    for report in (path.parent / "report").iterdir():
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for row in csv.DictReader(report.open()):
            for column, text in row.items():
                if re.fullmatch(r"-?\$?[\d,]+\.\d\d", text):
                    sums[column] += Decimal(text.replace("$", "").replace(",", ""))
        known |= {abs(amount) for amount in sums.values()}
    page = (PROJECT_DIR / "docs" / "sources" / f"{name}.md").read_text()
    told = re.findall(r"\| −?([\d,]+\.\d\d) \|$", page, re.MULTILINE)
    assert len(told) >= 3
    assert {Decimal(text.replace(",", "")) for text in told} <= known
