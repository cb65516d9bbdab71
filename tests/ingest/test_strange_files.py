"""What was found by trying to break the reading of files: each was a traceback or a wrong value."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ecorse.ingest.dry import dry_load
from ecorse.ingest.shops import Shop
from ecorse.sources.mappings.source import read_mapping

SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR", sources=())
MAPPING = """
about = "A till."
table = "order_lines"
decimal = "."
normalise = ["parentheses", "trailing_minus"]
columns = [
  { name = "order", target = "order_id" },
  { name = "sku", target = "product_id" },
  { name = "qty", target = "quantity", type = "integer" },
  { name = "price", target = "unit_price", type = "decimal" },
  { name = "at", target = "ordered_local", type = "timestamp", formats = [
    "%Y-%m-%d %H:%M", "%d/%m/%Y", "%d.%m.%Y"] },
  { name = "ship", type = "decimal", required = false },
]
[[also]]
kind = "shipping"
amount = "ship"
once_per = "order_id"
"""


@pytest.fixture
def clean(tmp_path):
    """What a load would make of a file."""
    (tmp_path / "till.toml").write_text(MAPPING)

    def clean(header, *rows):
        path = tmp_path / "f.csv"
        path.write_text("\n".join((header, *rows)) + "\n")
        return dry_load(path, read_mapping(tmp_path / "till.toml"), SHOP, keep=True)

    return clean


def rules(dry):
    return dry.rejected.select("source_line", "rule").rows()


@pytest.mark.parametrize(
    ("at", "rule"),
    [
        ("0001-01-01 00:00", "ordered_at_impossible"),  # in UTC it is in the year 0
        ("9999-12-31 23:59", "ordered_at_impossible"),
        ("-2024-05-01 10:00", "ordered_local_invalid"),
        ("12024-05-01 10:00", "ordered_local_invalid"),
        ("01/05/24", "ordered_at_impossible"),  # of the year 24
    ],
)
def test_a_year_that_no_calendar_has_refuses_its_row_alone(clean, at, rule):
    dry = clean("order,sku,qty,price,at", f"1,a,1,5,{at}", "2,a,1,5,2024-05-01 10:00")
    assert rules(dry) == [(2, rule)]
    assert dry.rows["order_id"].to_list() == ["2"]


def test_dates_of_every_format_tell_no_hour(clean):
    days = ("01/05/2024", "01.05.2024", "2024-05-01", "2024-05-01 00:00")
    dry = clean("order,sku,qty,price,at", *(f"{n},a,1,5,{day}" for n, day in enumerate(days)))
    assert dry.rows["is_date_only"].to_list() == [True, True, True, None]


@pytest.mark.parametrize("name", ["_row", "_stated", "is_date_only", "line_amount", "shop_id"])
def test_a_column_that_is_named_like_one_of_ours_is_the_files(clean, name):
    dry = clean(f"order,sku,qty,price,at,{name}", "1,a,1,5,2024-05-01 10:00,9")
    assert dry.rows.select("unit_price", "extra").rows() == [(Decimal(5), f'{{"{name}":"9"}}')]


@pytest.mark.parametrize(
    "first",
    [
        "1,a,1,$5,2024-05-01 10:00,4",
        f"1,{'a' * 501},1,5,2024-05-01 10:00,4",
        "1,a,1,5,1924-05-01 10:00,4",
    ],
)
def test_what_an_order_states_once_is_stated_by_a_row_that_counts(clean, first):
    dry = clean("order,sku,qty,price,at,ship", first, "1,b,1,5,2024-05-01 10:00,4")
    assert [line for line, _ in rules(dry)] == [2]
    added = dry.companions["order_lines"]
    assert added.select("source_line", "unit_price").rows() == [(3, Decimal(4))]
    assert dry.counted.money["staged"] == 9


@pytest.mark.parametrize(
    ("text", "price"),
    [("€(5.25)", "-5.25"), ("(5.25) EUR", "-5.25"), ("€ (5.25)", "-5.25"), ("5.25- €", "-5.25"),
     ("(€5.25)", "-5.25")],
)  # fmt: skip
def test_a_currency_stands_inside_or_outside_of_parentheses(clean, text, price):
    dry = clean("order,sku,qty,price,at", f"1,a,1,{text},2024-05-01 10:00")
    assert dry.rows["unit_price"].to_list() == [Decimal(price)]


@pytest.mark.parametrize("text", ["€(5.25) EUR", "€(€5.25)", "€ 5.25 €", "$(5.25)"])
def test_two_currencies_or_another_one_refuse_the_row(clean, text):
    dry = clean("order,sku,qty,price,at", f"1,a,1,{text},2024-05-01 10:00")
    assert dry.rows.is_empty()
