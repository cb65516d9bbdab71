"""Ready-made sources: what a platform's export holds is, through its mapping, what its books say.

What belongs here: simulated exports of shop systems against the books they were written from. What
does not: the books (``tests/simulate/test_platform_books.py``), public data sets
(``test_public_sets.py``), a published night (``tests/integration/test_ten_shops.py``).
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from ecorse.clean.cleaner import Cleaner
from ecorse.ingest.check import check_file
from ecorse.ingest.recognise import candidates, readers_of
from ecorse.ingest.shops import Shop, ShopSource
from ecorse.settings import PROJECT_DIR
from ecorse.simulate import Plan
from ecorse.simulate.platforms import platform_names
from ecorse.simulate.platforms.write_platform import simulate_platform
from ecorse.sources import get_source
from ecorse.sources.reading import Reading

PLAN = Plan(seed=5, customers=150, orders=600, events=0, days=59)
SOLD = pl.col("status") == "sold"
PRICED = pl.col("quantity") * pl.col("unit_price")
AMOUNT = pl.coalesce("line_amount", PRICED)
# what is taken back counts against the sale; its pieces may be below zero already
SIGNED = pl.when(SOLD | (pl.col("quantity") < 0)).then(AMOUNT).otherwise(-AMOUNT)
DOLLARS = Shop(shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD",
               sources=())  # fmt: skip
CHARGED = ("gross", "discounts", "shipping", "taxes", "tips", "gift_cards")


def shop_of(books):
    return Shop(shop_id="main", shop_name="Main", time_zone=books.time_zone,
                currency=books.currency, sources=())  # fmt: skip


def lines_of(name, path, shop):
    """Every canonical line of a file through the whole cleaning, added lines too; and rejects."""
    source = get_source(name).bind(path.parent)
    with path.open("rb") as file:
        cleaner = Cleaner(
            file, path.stat().st_size, source=source, shop=shop, file_name=path.name,
            max_record_bytes=1 << 20, reject_limit_share=0.05,
        )  # fmt: skip
        blocks = list(cleaner)
    parts = [
        frame
        for block in blocks
        for frame in (
            block.lines, block.candidates,
            *(found[name] for found in (block.companions, block.companion_candidates)
              for name in found if name == "order_lines"),
        )
        if frame.height
    ]  # fmt: skip
    lines = pl.concat(parts, how="diagonal_relaxed")
    rejected = pl.concat([block.rejected for block in blocks])
    return lines, rejected, cleaner.account


def figures(lines: pl.DataFrame) -> dict[str, Decimal]:
    """The measures of the books, from staged lines alone."""

    def total(amount, *conditions) -> Decimal:
        found = lines.filter(*conditions).select(amount.sum()).item()
        return Decimal(0) if found is None else found

    def kind(*names):
        return pl.col("line_kind").is_in(names)

    sold = {
        "gross": total(PRICED, SOLD, kind("product")),
        "discounts": total(PRICED - AMOUNT, SOLD, kind("product"))
        - total(AMOUNT, SOLD, kind("discount")),
        "shipping": total(AMOUNT, SOLD, kind("shipping")),
        "taxes": total(AMOUNT, SOLD, kind("tax")),
        "tips": total(AMOUNT, SOLD, kind("tip")),
        "gift_cards": total(AMOUNT, SOLD, kind("gift_card")),
    }
    back = total(SIGNED, SOLD, kind("refund")) + total(SIGNED, ~SOLD)
    return {m: v.quantize(Decimal("0.01")) for m, v in sold.items()} | {
        "refunded": -back.quantize(Decimal("0.01")),
        "total": total(SIGNED).quantize(Decimal("0.01")),
    }


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """Give a platform's export, read once: path, books, staged lines, rejects, the account."""

    @cache
    def export(name):
        folder = tmp_path_factory.mktemp(name)
        books = simulate_platform(folder, PLAN, name)
        [path] = (p for p in folder.iterdir() if p.name.startswith("simulated_"))
        return (path, books, *lines_of(name, path, shop_of(books)))

    return export


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


def test_a_full_refund_takes_back_every_line(export):
    _, books, lines, _, _ = export("shopify_orders")
    back = next(o for o in books.counted if o.state == "refunded" and len(o.lines) > 1)
    of_order = lines.filter(pl.col("order_id") == back.order_id)
    goods = of_order.filter(pl.col("line_kind") == "product")
    assert Counter(goods["status"]) == {
        "sold": len(back.of("product")), "returned": len(back.of("product")),
    }  # fmt: skip
    assert of_order.select(SIGNED.sum()).item() == 0


def rewritten(path, folder, change, *, encoding="utf-8", line_end="\n"):
    """The export once more, its rows changed one by one; files beside it come along."""
    unquoted = path.suffix == ".txt"
    quoting = csv.QUOTE_NONE if unquoted else csv.QUOTE_MINIMAL
    delimiter = "\t" if unquoted else ","
    for other in path.parent.glob("*.csv"):
        (folder / other.name).write_bytes(other.read_bytes())
    text = path.read_text("utf-8-sig").removeprefix("," * 42 + "\n")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter,
                               quoting=quoting))  # fmt: skip
    with (folder / path.name).open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, rows[0], delimiter=delimiter, quoting=quoting,
                                quotechar=None if unquoted else '"', lineterminator=line_end,
                                extrasaction="ignore")  # fmt: skip
        writer.writeheader()
        writer.writerows(change(row) for row in rows)
    return folder / path.name


def am_pm(row):
    moment = datetime.fromisoformat(f"{row['Date']} {row['Time']}")
    return row | {"Date": f"{moment:%m/%d/%y}", "Time": f"{moment:%I:%M:%S %p}"}


def dearer_signs(row):
    signed = ("Price", "Discount Amount", "Order Shipping", "Order Sales Tax", "Item Total")
    return row | {name: f"${Decimal(row[name]):,.2f}" for name in signed}


def in_brackets(row):
    def bracketed(text):
        return f"({text[1:]})" if text.startswith("-$") else text

    return row | {n: bracketed(row[n]) for n in ("Gross Sales", "Discounts", "Net Sales", "Tax")}


ODDITIES = {
    "a byte order mark and CRLF": ("shopify_orders", dict, {"encoding": "utf-8-sig",
                                                            "line_end": "\r\n"}),
    "UTF-16": ("etsy_order_items", dict, {"encoding": "utf-16"}),
    "AM and PM": ("square_items", am_pm, {}),
    "brackets for below zero": ("square_items", in_brackets, {}),
    "currency signs and groups": ("etsy_order_items", dearer_signs, {}),
    "no seconds": ("woocommerce_orders", lambda row: row | {"date": row["date"][:-3]}, {}),
    "a line end within a name": ("shopify_orders", lambda row: row | {
        "Notes": "two\nlines, \"quoted\""}, {}),
    "Z for UTC": ("amazon_orders", lambda row: row | {
        "purchase-date": row["purchase-date"].replace("+00:00", "Z")}, {}),
    "days with a day first": ("ebay_orders", lambda row: row | {
        "Sale Date": "-".join((row["Sale Date"].split("-") * 2)[i] for i in (1, 0, 2))
        if row["Sale Date"] else ""}, {}),
}  # fmt: skip


@pytest.mark.parametrize("oddity", ODDITIES)
def test_the_figures_are_the_same_however_it_is_written(export, tmp_path, oddity):
    name, change, written = ODDITIES[oddity]
    path, books, lines, rejected, _ = export(name)
    again, refused, _ = lines_of(name, rewritten(path, tmp_path, change, **written), shop_of(books))
    assert refused.height == rejected.height
    assert figures(again) == figures(lines)
    assert again["ordered_local"].dt.date().sort().equals(lines["ordered_local"].dt.date().sort())


def test_an_old_amazon_report_is_read_once_its_encoding_is_said(export, tmp_path):
    """A name with an accent: not UTF-8, so what it is has to be said; then the figures are equal."""
    path, books, *_ = export("amazon_orders")
    old = tmp_path / path.name
    old.write_bytes(path.read_text().replace("Linea", "Liné").encode("cp1252"))
    assert "encoding" in check_file(old, "amazon_orders", shop_of(books)).refusal
    said = check_file(old, "amazon_orders", shop_of(books), reading=Reading(encoding="cp1252"))
    assert not said.refusal
    assert {problem.rule for problem in said.problems} == {"foreign_currency"}


@pytest.fixture(scope="module")
def everyone():
    used = ShopSource(name="sales_csv", origin="folder")
    return candidates([DOLLARS.model_copy(update={"sources": (used,)})])


@pytest.mark.parametrize("name", platform_names())
def test_an_export_is_recognised_among_all_sources(export, everyone, name):
    path, *_ = export(name)
    assert readers_of(path, everyone) == [name]
    beside = {other: readers_of(other, everyone) for other in path.parent.glob("*.csv")}
    assert {tuple(names) for other, names in beside.items() if other != path} <= {
        (), ("products",),
    }  # fmt: skip


def test_a_source_without_a_header_takes_no_file_that_its_rows_do_not_fit(everyone, tmp_path):
    discs, other = tmp_path / "CDNOW_master.txt", tmp_path / "other.csv"
    discs.write_text(" 00001 19970101  1   11.77\n 00002 19970112  5   77.00\n")
    other.write_text("colour,shade\nred,dark\n")
    assert readers_of(discs, everyone) == ["cdnow"]
    assert readers_of(other, everyone) == []


def test_prices_that_hold_their_tax_are_refused_not_taxed_twice(export, tmp_path):
    """The same export with totals as a shop writes them whose prices hold their tax."""
    path, books, *_ = export("shopify_orders")
    rows = list(csv.DictReader(path.open(newline="")))
    for row in rows:
        if row["Total"]:
            row["Total"] = str(Decimal(row["Subtotal"]) + Decimal(row["Shipping"]))
    other = tmp_path / path.name
    with other.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    checked = check_file(other, "shopify_orders", shop_of(books))
    assert "tax_is_in_the_prices" in (checked.refusal or str(checked.rejected))


def test_a_column_that_an_older_export_lacks_is_no_money(export, tmp_path):
    """Without duties, refunds and payment method: those columns came later."""
    path, books, *_ = export("shopify_orders")
    lacking = ("Duties", "Refunded Amount", "Payment Method", "Lineitem discount")
    rows = list(csv.DictReader(path.open(newline="")))
    kept = [name for name in rows[0] if name not in lacking]
    older = tmp_path / path.name
    with older.open("w", newline="") as file:
        writer = csv.DictWriter(file, kept, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    lines, rejected, account = lines_of("shopify_orders", older, shop_of(books))
    assert rejected.is_empty()
    assert not account.ignored["test_orders"]
    placed = [order for order in books.orders if order.currency == books.currency]
    shipping = lines.filter(SOLD, pl.col("line_kind") == "shipping").select(AMOUNT.sum()).item()
    assert shipping == sum(order.shipping for order in placed)


def test_case_03_order_fields_on_the_first_line_only():
    """#2001 is plain, #2002 refunded whole, of #2003 15.00 was paid back and 3.00 taken off."""
    path = Path(__file__).parents[1] / "fixtures/cases/03-shopify-blank-order-fields"
    lines, rejected, _ = lines_of("shopify_orders", path / "orders_export.csv", DOLLARS)
    assert rejected.is_empty()
    found = {name: str(amount) for name, amount in figures(lines).items()}
    assert found == {
        "gross": "105.00", "discounts": "3.00", "shipping": "10.00", "taxes": "4.00",
        "tips": "0.00", "gift_cards": "0.00", "refunded": "45.00", "total": "71.00",
    }  # fmt: skip
    goods = lines.filter(pl.col("line_kind") == "product", pl.col("order_id") == "#2002")
    assert sorted(goods["status"]) == ["returned", "returned", "sold", "sold"]
    assert set(lines["country"]) == {"US"}


@pytest.mark.parametrize(
    ("status", "refunded", "cancelled", "left"),
    [
        ("paid", "0.00", "", "30.00"),
        ("refunded", "30.00", "", "0.00"),
        ("refunded", "25.00", "", "5.00"),  # a fee was kept
        ("paid", "30.00", "2024-05-03 12:00:00 -0400", "0.00"),
        ("paid", "10.00", "2024-05-03 12:00:00 -0400", "20.00"),
        ("voided", "0.00", "2024-05-03 12:00:00 -0400", "0.00"),
        ("voided", "0.00", "", "0.00"),
        ("partially_refunded", "10.00", "", "20.00"),
    ],
)
def test_what_is_left_of_a_shopify_order(tmp_path, status, refunded, cancelled, left):
    path = tmp_path / "orders_export.csv"
    path.write_text(
        "Name,Email,Financial Status,Currency,Subtotal,Shipping,Taxes,Total,Discount Amount,"
        "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Cancelled at,"
        "Refunded Amount\n"
        f"#1,a@b.org,{status},USD,22.00,5.00,3.00,30.00,3.00,2024-05-03 10:59:00 -0400,1,Mug,15.00,"
        f"M,{cancelled},{refunded}\n"
        "#1,a@b.org,,,,,,,,2024-05-03 10:59:00 -0400,1,Tin,10.00,,,\n"
    )
    lines, rejected, _ = lines_of("shopify_orders", path, DOLLARS)
    assert rejected.is_empty()
    assert figures(lines)["total"] == Decimal(left)
    assert figures(lines)["gross"] == Decimal("25.00")


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
