"""Case 19: 30 sold orders, 8.00 each, and 30 with nothing but a cancelled line of -3 at 120.00.

The sales that those cancel are in no file.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

SHARES = (
    ("segment_profiles", ("member_share", "order_share", "unit_share", "revenue_share")),
    ("segment_product_units", ("unit_share", "overall_unit_share")),
    ("customer_segment_product_units", ("unit_share", "overall_unit_share")),
    ("sales_by_category", ("line_share", "unit_share", "revenue_share")),
    ("sales_by_city", ("order_share", "unit_share", "revenue_share")),
    ("sales_by_product", ("line_share", "unit_share", "revenue_share")),
    ("top_customers", ("revenue_share",)),
)


@pytest.mark.parametrize(("shop", "kept"), [("cancelled", 30), ("mixed", 3)])
def test_an_order_that_nobody_kept_is_in_no_segment(asked, shop, kept):
    """Of the sibling's five orders, M2 and M5 are cancelled alone; M4 kept a line of its own."""
    rows = asked(
        "select count(*), count(*) filter (where o.is_cancelled) from marts.order_segments as s "
        "inner join marts.orders as o using (shop_id, order_id) where s.shop_id = %s "
        "and s.segmentation = 'orders'",
        shop,
    )
    assert rows == [(kept, 0)]


@pytest.mark.parametrize(("mart", "columns"), SHARES)
@pytest.mark.parametrize("shop", ["cancelled", "mixed"])
def test_shares_are_from_0_to_1_or_empty(asked, shop, mart, columns):
    values = asked(f"select {', '.join(columns)} from marts.{mart} where shop_id = %s", shop)
    assert values or mart.startswith("customer_segment")
    outside = [row for row in values for v in row if v is not None and not 0 <= v <= 1]
    assert outside == []


def test_the_orders_that_were_kept_are_all_that_the_profiles_share_out(asked):
    (sums,) = asked(
        "select sum(orders), sum(units), sum(revenue), round(sum(revenue_share)::numeric, 6) "
        "from marts.segment_profiles where shop_id = 'cancelled' and segmentation = 'orders'"
    )
    assert sums == (30, 30, Decimal(240), 1)


def test_kpis_say_what_was_cancelled_without_a_sale_in_the_data(asked):
    (figures,) = asked(
        "select gross_revenue, cancelled_amount, net_revenue, orders_placed, orders, "
        "cancelled_lines_without_sale, cancelled_amount_without_sale, average_purchase_value "
        "from marts.kpis where shop_id = 'cancelled'"
    )
    assert figures == (
        Decimal(240), Decimal(10800), Decimal(-10560), 60, 30, 30, Decimal(10800), Decimal(8)
    )  # fmt: skip


def test_what_takes_back_a_known_sale_still_counts(asked):
    """The sibling: 20 + 30 + 5 sold; M2 takes back 10 of M1. M4's -100 and M5's -14 have no sale.

    So three purchases are worth 45.00 after what was taken back of them.
    """
    (figures,) = asked(
        "select gross_revenue, net_revenue, orders, cancelled_lines_without_sale, "
        "cancelled_amount_without_sale, average_purchase_value "
        "from marts.kpis where shop_id = 'mixed'"
    )
    assert figures == (Decimal(55), Decimal(-69), 3, 2, Decimal(114), Decimal(15))
