"""Case 18: January (31 orders of 10.00), March (31 of 20.00), April (30 of 30.00), no February."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

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


@pytest.mark.parametrize("category", ["all", "Home"])
def test_forecasts_and_seasonality_learn_from_the_same_month_of_zeros(asked, category):
    """Siblings: in the months that planning is made of, of the shop and of its one category."""
    rows = asked(
        "select month_date, units from marts.monthly_units "
        "where shop_id = 'gap-month' and category = %s order by 1",
        category,
    )
    assert dict(rows)[FEBRUARY] == 0
    assert [month for month, _ in rows] == [JANUARY, FEBRUARY, MARCH, APRIL]
