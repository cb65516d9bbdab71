"""Case 18: January (31 orders of 10.00), March (31 of 20.00), April (30 of 30.00), no February."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

JANUARY, FEBRUARY, MARCH, APRIL = (date(2024, month, 1) for month in (1, 2, 3, 4))


def test_a_month_without_sales_is_a_row_of_zeros_and_what_follows_is_not_compared(asked):
    rows = asked(
        "select order_month_date, orders, revenue, revenue_change_share, orders_change_share "
        "from marts.monthly_sales where shop_id = 'gap-month' order by 1"
    )
    assert rows == [
        (JANUARY, 31, Decimal(310), None, None),
        (FEBRUARY, 0, Decimal(0), -1.0, -1.0),
        (MARCH, 31, Decimal(620), None, None),
        (APRIL, 30, Decimal(900), 0.4516129, -0.03225806),
    ]


def test_so_it_is_a_month_of_zeros_for_what_is_planned(asked):
    """A sibling: the months a forecast learns from have no gap either."""
    rows = asked(
        "select order_month_date, sum(units) from marts.monthly_units "
        "where shop_id = 'gap-month' group by 1 order by 1"
    )
    assert dict(rows).get(FEBRUARY, 0) == 0
    (days,) = asked(
        "select count(*), sum(orders) from marts.daily_sales "
        "where shop_id = 'gap-month' and order_date between '2024-02-01' and '2024-02-29'"
    )
    assert days in {(29, 0), (0, None)}
