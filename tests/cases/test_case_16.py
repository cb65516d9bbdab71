"""Case 16: a bag that is in all 200 baskets is nobody's first partner.

42 baskets hold tea and honey, 42 pasta and pesto; tea and pasta are in 18 more each, honey and
pesto in no others. So a pair has lift 42 * 200 / (60 * 42) = 3.33, the bag with anything 1.
"""

from __future__ import annotations

import pytest

PAIRS = {"tea": "honey", "honey": "tea", "pasta": "pesto", "pesto": "pasta"}


@pytest.mark.parametrize(
    "table",
    [
        "select other_product_id from marts.frequently_bought_together",
        "select similar_product_id from marts.item_similarity_served",
    ],
)
@pytest.mark.parametrize(("product", "partner"), PAIRS.items())
def test_the_real_partner_comes_first(asked, table, product, partner):
    query = f"{table} where shop_id = 'popular-bag' and product_id = %s and rank = 1"
    first = {other for (other,) in asked(query, product)}
    assert first == {partner}


def test_every_method_has_the_real_partner_before_the_bag(asked):
    rows = asked(
        "select method, product_id, similar_product_id from marts.item_similarity "
        "where shop_id = 'popular-bag' and product_id in ('tea', 'pasta') "
        "and relation = 'complement' order by method, product_id, rank"
    )
    assert rows
    lists: dict[tuple[str, str], list[str]] = {}
    for method, product, other in rows:
        lists.setdefault((method, product), []).append(other)
    assert all(others[0] == PAIRS[product] for (_, product), others in lists.items()), lists


def test_the_counts_are_still_exact(asked):
    rows = asked(
        "select other_product_id, together_baskets, product_baskets, other_product_baskets, "
        "baskets, support, confidence, lift from marts.frequently_bought_together "
        "where shop_id = 'popular-bag' and product_id = 'tea' order by rank"
    )
    assert rows == [
        ("honey", 42, 60, 42, 200, 0.21, 0.7, 3.33333333),
        ("bag", 60, 60, 200, 200, 0.3, 1.0, 1.0),
    ]


def test_no_chance_partner_is_ahead_of_a_better_one(asked):
    """Lift 1 is what chance makes: whatever is above it comes before whatever is not."""
    worse_first = asked(
        "select a.product_id from marts.frequently_bought_together as a "
        "inner join marts.frequently_bought_together as b using (shop_id, product_id) "
        "where a.rank < b.rank and a.lift <= 1 and b.lift > 1"
    )
    assert worse_first == []
