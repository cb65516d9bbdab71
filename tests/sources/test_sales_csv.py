"""What only the source sales_csv knows: product ids, categories, addresses, derived columns."""

from __future__ import annotations

import polars as pl
import pytest

from ecorse.clean.cast import cast, parse
from ecorse.ingest.shops import Shop
from ecorse.schema.recognise import recognise
from ecorse.sources.sales_csv import SOURCE, split_address
from ecorse.sources.sales_products import product_id

SHOP = Shop(
    shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD", sources=()
)
SIX = ["Order ID", "Product", "Quantity Ordered", "Price Each", "Order Date", "Purchase Address"]
THIRTEEN = ["", "Order ID", "Product Category", *SIX[1:],
            "Month", "Sales", "City", "Hour", "Time of Day"]  # fmt: skip
GOOD = ["0", "7", "Phones and Accessories", "iPhone", "2", "700.0", "31-12-2019 18:05",
        "1 Elm St, Austin, TX 73301", "12", "1400.0", " Austin", "18", "Evening"]  # fmt: skip


def canonical(names, *rows):
    header = recognise(SOURCE.contract, names, "f.csv")
    data = "".join("\t".join(row) + "\n" for row in rows).encode()
    typed = cast(parse(data, header, "\t", '"'), header, SOURCE.contract)
    assert typed.reasons.is_empty()
    return SOURCE.canonicalise(typed.frame, header, SHOP)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("iPhone", "iphone"),
        (" IPHONE ", "iphone"),
        ("27in 4K Gaming Monitor", "27in-4k-gaming-monitor"),
        ("AA Batteries (4-pack)", "aa-batteries-4-pack"),
        ("USB-C  Charging\tCable", "usb-c-charging-cable"),
        ("Desk Lamp", "desk-lamp"),
    ],
)
def test_product_id_is_a_readable_slug(name, expected):
    assert product_id(name) == expected


def test_names_that_differ_keep_different_ids():
    names = ["A+B", "A B", "A-B", "A/B", "東京", "大阪", "☕", "☕️", "Café", "Cafe", "()",
             "A" * 99 + "!", "A" * 99 + "?"]  # fmt: skip
    assert len({product_id(name) for name in names}) == len(names)
    assert all(product_id(name) for name in names)


def test_one_product_in_both_forms_is_the_same():
    six = ["7", "iPhone", "2", "700", "12/31/19 18:05", "1 Elm St, Austin, TX 73301"]
    left, right = canonical(SIX, six).frame, canonical(THIRTEEN, GOOD).frame
    assert left.equals(right.select(left.columns))
    assert left["category"].to_list() == ["Phones and Accessories"]


def test_category_of_other_products_comes_from_the_file_or_is_unknown():
    lamp = [*GOOD[:2], "Lamps", "Desk Lamp", *GOOD[4:]]
    cell = [*GOOD[:2], "Batterie", "Button Cell", *GOOD[4:]]
    assert canonical(THIRTEEN, lamp, cell).frame["category"].to_list() == ["Lamps", "Batteries"]
    done = canonical(SIX, ["7", "Desk Lamp", "1", "9", "12/31/19 18:05", ""])
    assert done.frame["category"].to_list() == ["unknown"]
    assert done.warnings == {"category_unknown": 1}
    assert done.frame["customer_key_kind"].to_list() == ["none"]


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("Phone Charging Cable", "Charging Cables"),
        ("Halcyon Smartphone", "Phones and Accessories"),
        ("Borealis 43in TV", "Entertainment Devices"),
        ("Volt AA Batteries 8-pack", "Batteries"),
        ("Desk Lamp", "unknown"),
        ("Headphoneshop voucher", "unknown"),
    ],
)
def test_a_category_is_derived_from_words_of_the_name(name, category):
    done = canonical(SIX, ["7", name, "1", "9", "12/31/19 18:05", ""])
    assert done.frame["category"].to_list() == [category]


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("917 1st St, Dallas, TX 75001", ("917 1st St", "Dallas", "TX", "75001")),
        ("1 Elm St, Boston, MA 02215-1234", ("1 Elm St", "Boston", "MA", "02215-1234")),
        ("1 Elm St, Apt 2, Boston, MA 02215", (None,) * 4),
        ("1 Elm St, Boston, Mass. 02215", (None,) * 4),
        ("1 Elm St, Boston", (None,) * 4),
        ("somewhere", (None,) * 4),
        (None, (None,) * 4),
    ],
)
def test_an_address_is_split_or_left_whole(address, parts):
    frame = split_address(pl.DataFrame({"address": [address]}, schema={"address": pl.String}))
    assert frame.row(0) == (address, *parts)


def test_an_odd_address_and_a_price_of_0_are_kept_and_counted():
    done = canonical(SIX, ["7", "iPhone", "1", "0", "12/31/19 18:05", "somewhere"])
    assert done.frame["address"].to_list() == ["somewhere"]
    assert done.warnings == {"address_not_split": 1, "price_zero": 1}


def test_derived_columns_that_agree():
    found = canonical(THIRTEEN, GOOD).derived
    assert {name: (d.checked, d.different) for name, d in found.items()} == {
        "Month": (1, 0), "Sales": (1, 0), "City": (1, 0), "Hour": (1, 0), "Time of Day": (1, 0),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("column", "says", "gives"),
    [("Month", "11", "12"), ("Sales", "1399.99", "1400.0"), ("City", "Dallas", "Austin"),
     ("Hour", "6", "18"), ("Time of Day", "Morning", "Evening")],
)  # fmt: skip
def test_a_derived_column_that_differs_is_counted_with_an_example(column, says, gives):
    row = list(GOOD)
    row[THIRTEEN.index(column)] = says
    found = canonical(THIRTEEN, GOOD, row).derived
    assert {name: d.different for name, d in found.items() if d.different} == {column: 1}
    assert found[column].checked == 2
    assert found[column].examples == [
        f"order 7: file has {says!r}, its other columns give {gives!r}"
    ]
