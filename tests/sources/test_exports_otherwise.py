"""The exports of shop systems as real shops have them: written otherwise, older, of odd orders.

What belongs here: what must come out the same, or be refused, however an export is written. What
does not: plain exports against their books (``test_ready_made.py``).
"""

from __future__ import annotations

import csv
import io
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from ecorse.ingest.check import check_file
from ecorse.ingest.recognise import candidates, readers_of
from ecorse.ingest.shops import ShopSource
from ecorse.simulate.platforms import platform_names
from ecorse.sources.reading import Reading
from exports import AMOUNT, DOLLARS, SOLD, figures, lines_of, shop_of


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
    """A name with an accent: not UTF-8, so what it is has to be said."""
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
