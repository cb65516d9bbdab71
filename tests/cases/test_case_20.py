"""Case 20: an export in UTC; the shop's own days and hours are told, and instants stay apart."""

from __future__ import annotations

from datetime import UTC, datetime

ROWS = (
    "select order_id, order_date::text, to_char(ordered_local, 'HH24:MI'), ordered_at "
    "from marts.orders where shop_id = %s order by order_id"
)
INSTANTS = [
    datetime(2024, 3, 31, 0, 30, tzinfo=UTC),
    datetime(2024, 3, 31, 22, 30, tzinfo=UTC),
    datetime(2024, 10, 27, 0, 30, tzinfo=UTC),
    datetime(2024, 10, 27, 1, 30, tzinfo=UTC),
]


def test_berlin(asked):
    """Summer time began at 01:00 UTC on 31 March and ended at 01:00 UTC on 27 October."""
    rows = asked(ROWS, "utc")
    assert [row[:3] for row in rows] == [
        ("U1", "2024-03-31", "01:30"),
        ("U2", "2024-04-01", "00:30"),
        ("U3", "2024-10-27", "02:30"),
        ("U4", "2024-10-27", "02:30"),
    ]
    assert [row[3] for row in rows] == INSTANTS


def test_each_day_has_the_orders_of_the_shops_own_day(asked):
    days = asked(
        "select order_date::text, orders from marts.daily_sales "
        "where shop_id = 'utc' and orders > 0 order by 1"
    )
    assert days == [("2024-03-31", 1), ("2024-04-01", 1), ("2024-10-27", 2)]


def test_the_same_file_of_a_shop_in_tokyo(asked):
    """A sibling, nine hours ahead the whole year: U2 is on the next day there as well."""
    rows = asked(ROWS, "tokyo")
    assert [row[:3] for row in rows] == [
        ("U1", "2024-03-31", "09:30"),
        ("U2", "2024-04-01", "07:30"),
        ("U3", "2024-10-27", "09:30"),
        ("U4", "2024-10-27", "10:30"),
    ]
    assert [row[3] for row in rows] == INSTANTS
