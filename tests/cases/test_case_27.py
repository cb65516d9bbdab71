"""Case 27: 1,500 orders in 1,500 towns, worth 30,182.00: the night is published.

Shares of a town are rounded to 8 decimals; 1,500 of them need not add up to 1 to the last.
"""

from __future__ import annotations

from decimal import Decimal

import pytest


def test_the_night_has_every_order_of_every_town(asked):
    (totals,) = asked(
        "select count(*), count(distinct city), sum(revenue) from marts.orders "
        "where shop_id = 'towns'"
    )
    assert totals == (1500, 1500, Decimal(30182))


def test_towns_are_counted_exactly_per_segment(asked):
    """Whole numbers are compared with whole numbers, whatever the shares were rounded to."""
    differing = asked(
        "select segment_id from (select segmentation, segment_id, count(*) as n "
        "from marts.order_segments where shop_id = 'towns' group by 1, 2) as labels "
        "full join (select segmentation, segment_id, sum(orders) as n from marts.segment_by_city "
        "where shop_id = 'towns' group by 1, 2) as towns "
        "using (segmentation, segment_id) where labels.n is distinct from towns.n"
    )
    assert differing == []


@pytest.mark.parametrize(
    ("mart", "share", "per"),
    [
        ("segment_by_city", "order_share", "segmentation, segment_id"),
        ("sales_by_city", "order_share", "shop_id"),
        ("sales_by_city", "revenue_share", "shop_id"),
    ],
)
def test_many_rounded_shares_add_up_as_well_as_they_can(asked, mart, share, per):
    """Siblings: each of n shares is off by 5e-9 at most."""
    rows = asked(
        f"select sum({share}), count(*) from marts.{mart} where shop_id = 'towns' group by {per}"
    )
    assert rows
    assert all(abs(total - 1) <= 5e-9 * n + 1e-9 for total, n in rows), rows
