"""What only the source online_retail knows: kinds of invoice, stock codes, customers, two forms."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ecorse.clean.cast import cast, parse
from ecorse.ingest.shops import Shop
from ecorse.schema.recognise import recognise
from ecorse.sources.online_retail import SOURCE

SHOP = Shop(
    shop_id="gifts", shop_name="Gifts", time_zone="Europe/London", currency="GBP", sources=()
)
FIRST = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice",
         "CustomerID", "Country"]  # fmt: skip
SECOND = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price",
          "Customer ID", "Country"]  # fmt: skip


def line(invoice="536365", code="85123A", quantity="6", price="2.55", **values):
    """A line of the first form; unnamed fields are those of the file's first line."""
    texts = {
        "name": "WHITE HEART", "at": "7/1/2011 8:26", "customer": "17850",
        "country": "United Kingdom", **values,
    }  # fmt: skip
    return [invoice, code, texts["name"], quantity, texts["at"], price, texts["customer"],
            texts["country"]]  # fmt: skip


def read(names, *rows):
    """Cast and canonicalise."""
    header = recognise(SOURCE.contract, names, "f.csv")
    data = "".join("\t".join(row) + "\n" for row in rows).encode()
    typed = cast(parse(data, header, "\t", '"'), header, SOURCE.contract)
    return typed, SOURCE.canonicalise(typed.frame, header, SHOP)


def canonical(*rows, names=FIRST):
    typed, done = read(names, *rows)
    assert typed.reasons.is_empty()
    assert done.reasons.is_empty()
    return done


def test_a_sale_is_kept_as_it_stands():
    row = canonical(line()).frame.row(0, named=True)
    assert row == {
        "_row": 0,
        "order_id": "536365",
        "product_id": "85123A",
        "product_name": "WHITE HEART",
        "quantity": 6,
        "unit_price": Decimal("2.5500"),
        "ordered_at": row["ordered_at"],
        "ordered_local": row["ordered_local"],
        "customer_id": "17850",
        "customer_key_kind": "id",
        "country": "United Kingdom",
        "line_kind": "product",
        "status": "sold",
        "currency": "GBP",
        "shop_id": "gifts",
        "is_simulated": False,
    }
    assert str(row["ordered_local"]) == "2011-07-01 08:26:00"  # the month stands first
    assert str(row["ordered_at"]) == "2011-07-01 07:26:00+00:00"  # British summer time


@pytest.mark.parametrize(
    ("names", "written"),
    [(FIRST, "7/1/2011 8:26"), (FIRST, "2011-07-01 08:26:00"),
     (SECOND, "2011-07-01 08:26:00"), (SECOND, "01/07/2011 08:26")],
)  # fmt: skip
def test_each_form_reads_its_own_times_and_both_give_the_same_line(names, written):
    found = canonical(line(at=written), names=names).frame
    assert found.equals(canonical(line()).frame)


def test_a_time_of_no_declared_format_is_refused_not_guessed():
    typed, _ = read(SECOND, line(at="12/31/2011 8:26"))
    assert typed.reasons["rule"].to_list() == ["ordered_local_invalid"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("85123A", "product"), ("85123a", "product"), ("71053", "product"), ("15056BL", "product"),
        ("DCGSSBOY", "product"), ("DCGS0066P", "product"), ("PADS", "product"),
        ("POST", "shipping"), ("DOT", "shipping"), ("C2", "shipping"),
        ("M", "manual"), ("m", "manual"), ("D", "discount"), ("S", "sample"),
        ("AMAZONFEE", "fee"), ("BANK CHARGES", "fee"), ("CRUK", "fee"),
        ("gift_0001_20", "voucher"), ("B", "adjustment"), ("ADJUST2", "adjustment"),
    ],
)  # fmt: skip
def test_a_stock_code_says_what_its_line_is_for(code, kind):
    typed, done = read(FIRST, line(code=code))
    assert done.frame["line_kind"].to_list() == [kind]
    assert done.frame["product_id"].to_list() == [code.upper()]
    assert typed.flags.is_empty()


@pytest.mark.parametrize("code", ["TEST001", "POSTAGE", "1234", "123456", "A12345", "C3", "MM"])
def test_a_code_that_is_not_known_stays_a_product_and_is_flagged(code):
    typed, done = read(FIRST, line(code=code))
    assert done.frame["line_kind"].to_list() == ["product"]
    assert typed.flags.rows() == [(0, "stock_code_unknown")]


@pytest.mark.parametrize(
    ("invoice", "code", "quantity", "price", "status", "kind"),
    [
        ("536365", "85123A", "6", "2.55", "sold", "product"),
        ("C536365", "85123A", "-6", "2.55", "cancelled", "product"),
        ("C536365", "D", "-1", "27.50", "cancelled", "discount"),
        ("A563185", "B", "1", "11062.06", "sold", "adjustment"),
        ("A563186", "B", "1", "-11062.06", "sold", "adjustment"),
        ("A563187", "85123A", "1", "-0.01", "sold", "adjustment"),
        ("536589", "21777", "-10", "0", "sold", "adjustment"),
        ("536589", "M", "-1", "3.00", "sold", "manual"),
    ],
)
def test_an_invoice_says_what_became_of_its_line(invoice, code, quantity, price, status, kind):
    frame = canonical(line(invoice, code, quantity, price)).frame
    found = frame.select("order_id", "quantity", "unit_price", "status", "line_kind").rows()
    assert found == [(invoice, int(quantity), Decimal(price), status, kind)]


def test_a_negative_price_is_for_bad_debt_only():
    rows = [line(), line("536366", price="-1.50"), line("C536367", price="-2"), line("536368")]
    typed, done = read(FIRST, *rows)
    assert typed.reasons.is_empty()
    assert done.frame["_row"].to_list() == [0, 3]
    assert done.reasons.rows() == [
        (1, "price_negative", "UnitPrice",
         "UnitPrice is '-1.5000': a price below 0 is expected on A-invoices (bad debt) only."),
        (2, "price_negative", "UnitPrice",
         "UnitPrice is '-2.0000': a price below 0 is expected on A-invoices (bad debt) only."),
    ]  # fmt: skip


def test_customers_are_kept_as_numbers_or_as_none():
    found = canonical(line(), line(customer="17850.0"), line(customer=""), line(customer="1.05"))
    assert found.frame.select("customer_id", "customer_key_kind").rows() == [
        ("17850", "id"), ("17850", "id"), (None, "none"), ("1.05", "id"),
    ]  # fmt: skip
    assert found.warnings == {"customer_missing": 1, "customer_with_decimals": 1}


def test_a_missing_description_is_flagged_and_the_code_stands_in():
    typed, done = read(FIRST, line(code="85123a", name=""), line(name="??"), line(name="  "))
    assert done.frame["product_name"].to_list() == ["85123A", "??", "85123A"]
    assert typed.flags.rows() == [(0, "description_empty"), (2, "description_empty")]


def test_what_was_kept_for_what_it_is_worth_is_counted():
    found = canonical(
        line(code="85123a"), line(price="0"), line("C1", quantity="6"), line(quantity="-6"),
        line("C2", quantity="-6"), line(code="M", quantity="-6"),
    )  # fmt: skip
    assert found.warnings == {
        "code_in_small_letters": 1,
        "price_zero": 1,
        "cancellation_not_negative": 1,
        "stock_correction": 1,
    }


@pytest.mark.parametrize("invoice", ["SIM-7", "CSIM-7", "ASIM-7"])
def test_simulated_invoices_of_every_kind_belong_to_a_shop_of_their_own(invoice):
    frame = canonical(line(invoice)).frame
    assert frame.select("order_id", "shop_id", "is_simulated").rows() == [
        (invoice, "gifts-simulated", True)
    ]


@pytest.mark.parametrize("quantity", ["1000001", "-1000001", "2.5", ""])
def test_a_quantity_that_cannot_be_is_refused(quantity):
    typed, done = read(FIRST, line(quantity=quantity))
    assert typed.reasons.height == 1
    assert done.frame.is_empty()
