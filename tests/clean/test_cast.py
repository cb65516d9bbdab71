"""Casting: each repair, rule and reason by hand; local time around daylight saving."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import polars as pl
import pytest

from ecorse.clean.cast import cast, parse
from ecorse.clock import ROWS_LOOKED_UP, local_to_utc
from ecorse.schema.recognise import recognise
from ecorse.sources.sales_csv import CONTRACT

NAMES = ["Order ID", "Product", "Quantity Ordered", "Price Each", "Order Date", "Purchase Address"]
HEADER = recognise(CONTRACT, NAMES, "f.csv")
ROW = {
    "id": "1",
    "product": "iPhone",
    "quantity": "1",
    "price": "700",
    "at": "04/19/19 08:46",
    "address": "x",
}


def cast_row(**values: str):
    fields = ['"' + v.replace('"', '""') + '"' for v in (ROW | values).values()]
    raw = parse((",".join(fields) + "\n").encode(), HEADER, ",", '"')
    return cast(raw, HEADER, CONTRACT)


@pytest.mark.parametrize(
    ("values", "column", "expected"),
    [
        ({"price": "600"}, "unit_price", Decimal("600.0000")),
        ({"price": "600.0"}, "unit_price", Decimal("600.0000")),
        ({"price": "$12"}, "unit_price", Decimal("12.0000")),
        ({"price": "1,234.50"}, "unit_price", Decimal("1234.5000")),
        ({"price": "$1,234.5"}, "unit_price", Decimal("1234.5000")),
        ({"price": "0"}, "unit_price", Decimal("0.0000")),
        ({"price": "1.50000000"}, "unit_price", Decimal("1.5000")),
        ({"price": "9999999999.9999"}, "unit_price", Decimal("9999999999.9999")),
        ({"quantity": "2.0"}, "quantity", 2),
        ({"quantity": "1,000"}, "quantity", 1000),
        ({"quantity": " 3 "}, "quantity", 3),
        ({"product": "NA"}, "product_name", "NA"),
        ({"product": "NULL"}, "product_name", "NULL"),
        ({"product": " a  b "}, "product_name", "a  b"),
        ({"id": "1e5"}, "order_id", "1e5"),
        ({"id": "00042"}, "order_id", "00042"),
        ({"at": "02/29/20 00:00"}, "ordered_local", datetime(2020, 2, 29)),
        ({"at": "04/05/19 10:00"}, "ordered_local", datetime(2019, 4, 5, 10)),  # month first
        ({"at": "12/31/19 23:59"}, "ordered_local", datetime(2019, 12, 31, 23, 59)),
    ],
)
def test_a_value_is_taken_or_repaired(values, column, expected):
    done = cast_row(**values)
    assert done.reasons.is_empty()
    assert done.frame[column].to_list() == [expected]


@pytest.mark.parametrize(
    ("values", "rule", "sentence"),
    [
        ({"price": "12,50"}, "unit_price_invalid", "Price Each is '12,50': expected a number"),
        ({"price": "inf"}, "unit_price_invalid", "Price Each is 'inf'"),
        ({"price": "NaN"}, "unit_price_invalid", "Price Each is 'NaN'"),
        ({"price": "1e3"}, "unit_price_invalid", "Price Each is '1e3'"),
        ({"price": "1.23456"}, "unit_price_invalid", "at most 10 digits before and 4 behind"),
        ({"price": "10000000000"}, "unit_price_invalid", "at most 10 digits before and 4 behind"),
        ({"price": "-1"}, "price_negative", "expected a price of 0 or more"),
        ({"price": ""}, "price_empty", "Price Each is empty: every line needs a price."),
        ({"quantity": "0"}, "quantity_not_positive", "expected a quantity above 0"),
        ({"quantity": "-2"}, "quantity_not_positive", "Quantity Ordered is '-2'"),
        ({"quantity": "1000000000"}, "quantity_too_large", "expected at most 1000000 pieces"),
        ({"quantity": "1.5"}, "quantity_invalid", "expected a whole number"),
        ({"quantity": "two"}, "quantity_invalid", "Quantity Ordered is 'two'"),
        ({"product": "  "}, "product_empty", "Product is empty"),
        ({"id": ""}, "order_id_empty", "Order ID is empty"),
        ({"at": "04/31/19 10:00"}, "ordered_local_invalid", "existing date and time as %m/%d/%y"),
        ({"at": "02/29/19 10:00"}, "ordered_local_invalid", "Order Date is '02/29/19 10:00'"),
        ({"at": "2019-04-19 10:00"}, "ordered_local_invalid", "Order Date is"),
        ({"at": "19/04/19 10:00"}, "ordered_local_invalid", "Order Date is"),
        ({"at": ""}, "ordered_at_empty", "Order Date is empty"),
    ],
)
def test_a_value_is_refused_with_its_reason(values, rule, sentence):
    done = cast_row(**values)
    assert done.frame.is_empty()
    assert done.reasons["rule"].to_list() == [rule]
    assert sentence in done.reasons["sentence"][0]


def test_every_reason_of_a_row_is_given_in_the_order_of_its_columns():
    done = cast_row(id="", quantity="-1", price="x", at="never")
    assert done.reasons["rule"].to_list() == [
        "order_id_empty", "quantity_not_positive", "unit_price_invalid", "ordered_local_invalid",
    ]  # fmt: skip


def test_repairs_are_counted():
    assert cast_row(price="$12", quantity="2.0").repaired == {
        "unit_price_currency_sign": 1,
        "quantity_integral_decimal": 1,
    }


@pytest.mark.parametrize(
    ("local", "zone", "utc"),
    [
        ("2019-04-19 08:46", "America/New_York", "2019-04-19 12:46"),
        ("2019-01-19 08:46", "America/New_York", "2019-01-19 13:46"),
        ("2019-03-10 02:30", "America/New_York", "2019-03-10 07:30"),  # gap: is 03:30 EDT
        ("2019-03-10 02:00", "America/New_York", "2019-03-10 07:00"),
        ("2019-03-10 01:59", "America/New_York", "2019-03-10 06:59"),
        ("2019-11-03 01:30", "America/New_York", "2019-11-03 05:30"),  # twice: first, EDT
        ("2019-10-06 02:15", "Australia/Lord_Howe", "2019-10-05 15:45"),  # gap of half an hour
        ("2011-12-30 12:00", "Pacific/Apia", "2011-12-30 22:00"),  # a day that never was
        ("2019-06-01 12:00", "Asia/Kolkata", "2019-06-01 06:30"),
    ],
)
def test_local_time_to_utc(local, zone, utc):
    wall = pl.Series([datetime.fromisoformat(local), None], dtype=pl.Datetime("us"))
    found = local_to_utc(wall, zone).dt.replace_time_zone(None).to_list()
    assert found == [datetime.fromisoformat(utc), None]


def test_the_gap_rule_is_that_of_fold_0():
    """A second, independent way: Python's own zoneinfo."""
    from datetime import UTC, timedelta
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("America/New_York")
    for start in (datetime(2019, 3, 10), datetime(2019, 11, 3)):
        walls = [start + timedelta(minutes=m) for m in range(0, 5 * 60, 7)]
        expected = [w.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None) for w in walls]
        found = local_to_utc(pl.Series(walls, dtype=pl.Datetime("us")), "America/New_York")
        assert found.dt.replace_time_zone(None).to_list() == expected


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/New_York", datetime(2019, 3, 10)),
        ("America/New_York", datetime(2019, 11, 3)),
        ("Australia/Lord_Howe", datetime(2019, 10, 6)),
        ("Pacific/Apia", datetime(2011, 12, 29)),
        ("Asia/Kathmandu", datetime(2019, 1, 1)),
        ("Europe/Dublin", datetime(1916, 10, 1)),  # to the second: clocks were 25 min 21 s behind
    ],
)
def test_offsets_of_many_rows_are_looked_up_and_are_those_of_fold_0(zone, day):
    from datetime import UTC, timedelta
    from zoneinfo import ZoneInfo

    begin = day - timedelta(days=1)
    walls = [begin + timedelta(seconds=17 * s, microseconds=1) for s in range(3 * 86400 // 17)]
    assert len(walls) > ROWS_LOOKED_UP
    expected = [
        w.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None) for w in walls
    ]
    found = local_to_utc(pl.Series([None, *walls, None], dtype=pl.Datetime("us")), zone)
    assert found.dt.replace_time_zone(None).to_list() == [None, *expected, None]


def test_times_in_years_that_python_does_not_know_have_instants_too():
    far = pl.Series([0, 500_000_000_000_000_000], dtype=pl.Int64).cast(pl.Datetime("us"))
    walls = pl.concat([far] * ROWS_LOOKED_UP)
    found = local_to_utc(walls, "Asia/Kolkata")
    assert found.null_count() == 0
    assert (found.to_physical() - walls.to_physical())[0] == -5.5 * 3600 * 1_000_000
