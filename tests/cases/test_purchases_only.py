"""Siblings of cases 16 and 19: nothing that nobody kept teaches anything, and no word is empty."""

from __future__ import annotations

import pytest

from ecorse.errors import DataError
from ecorse.night import Night

NO_PURCHASE = ("samples", "corrections", "views")


def labelled(asked, shop: str) -> list[tuple[str, str]]:
    """Orders and customers of a shop that have a segment."""
    return asked(
        "select 'order', order_id from marts.order_segments where shop_id = %s "
        "union select 'customer', customer_id from marts.customer_segments "
        "where shop_id = %s order by 1 desc, 2",
        shop,
        shop,
    )


def test_wholly_returned_orders_have_no_segment_nor_have_their_customers(asked):
    kept = range(6, 10)
    assert labelled(asked, "returned") == [
        *(("order", f"R{n}") for n in kept),
        *(("customer", f"c{n}") for n in kept),
    ]


def test_lists_do_not_learn_from_baskets_that_nobody_kept(asked):
    rows = asked(
        "select together_baskets, product_baskets, baskets from marts.frequently_bought_together "
        "where shop_id = 'returned' and product_id = 'mug'"
    )
    assert rows == [(4, 4, 4)]
    evidence = asked(
        "select distinct (evidence ->> 'orders')::int from marts.item_similarity "
        "where shop_id = 'returned'"
    )
    assert evidence == [(4,)]


@pytest.mark.parametrize("shop", NO_PURCHASE)
def test_a_shop_without_any_purchase_has_no_segment(asked, shop):
    assert labelled(asked, shop) == []
    for table in ("segments", "segment_profiles", "customer_order_segments"):
        assert asked(f"select 1 from marts.{table} where shop_id = %s", shop) == []


@pytest.mark.parametrize("shop", ["samples", "corrections"])
def test_a_shop_with_neither_purchases_nor_events_has_no_lists_and_the_reason(asked, shop):
    assert asked("select 1 from marts.item_similarity where shop_id = %s", shop) == []
    assert asked("select 1 from marts.user_recommendations where shop_id = %s", shop) == []
    reasons = dict(
        asked(
            "select method, reason from marts.model_status "
            "where shop_id = %s and task = 'recommend'",
            shop,
        )
    )
    of_products = {"item_similarity", "co_purchase"}
    of_customers = {"for_customers", "best_sellers_lately", "buy_again"}
    assert set(reasons) == of_products | of_customers
    for method in of_products:
        assert "no purchase, and no event that names a product" in reasons[method]
    for method in of_customers:
        assert (
            "no purchase of the shop, and none of its visits, names a customer" in reasons[method]
        )
    with Night() as night, pytest.raises(DataError, match="has no lists: no order"):
        night.recommendations(["mug"], shop=shop)


def test_a_shop_of_events_has_lists_from_them_and_says_so(asked):
    rows = asked(
        "select similar_product_id, relation, evidence ->> 'source', evidence ->> 'co_visits', "
        "evidence ->> 'visits', evidence ->> 'sentence' from marts.item_similarity "
        "where shop_id = 'views' and method = 'item_similarity' and product_id = 'lamp' "
        "and rank = 1"
    )
    # lamp and bulb are in 4 of 8 visits each, always together: 4 * 8 / (4 * 4) = 2
    assert [row[:5] for row in rows] == [("bulb", "similar", "events", "4", "4")]
    assert rows[0][5].startswith("Seen together in 4 of 4 visits, 2.0 times as often as by chance")
    with Night() as night:
        answer = night.recommendations(["lamp"], shop="views", n=1)
    assert answer["product_id"].to_list() == ["bulb"]


def test_a_shop_of_one_product_has_one_segment_and_no_empty_words(asked):
    rows = asked(
        "select segment_name, meaning from marts.segments "
        "where shop_id = 'one-product' and segmentation = 'orders'"
    )
    assert rows == [("All orders", "All orders are in one segment.")]
    assert asked("select 1 from marts.item_similarity where shop_id = 'one-product'") == []


def test_dates_alone_tell_no_hour_and_an_id_is_no_name(asked):
    rows = asked(
        "select s.segment_name, s.meaning, p.peak_hour from marts.segments as s "
        "inner join marts.segment_profiles as p using (shop_id, segmentation, segment_id) "
        "where s.shop_id = 'dates-alone'"
    )
    assert rows
    for name, meaning, peak_hour in rows:
        assert peak_hour is None
        assert not any(digit in name for digit in ("1573", "1490")), name
        assert "centred on 00:00" not in meaning
    features = asked(
        "select distinct feature from marts.segment_traits where shop_id = 'dates-alone'"
    )
    assert ("hour",) not in features
    assert ("quantity",) not in features  # one piece each: a constant
    with Night() as night, pytest.raises(DataError, match="tells the date alone"):
        night.recommendations(["tv"], shop="dates-alone", daypart="Evening")


def test_no_sentence_tells_of_the_unknown_or_of_all(asked):
    told = asked("select shop_id, sentence from marts.segment_traits where sentence is not null")
    assert told
    empty = [s for s in told if "unknown" in s[1].lower() or "of all others all" in s[1]]
    assert empty == []


def test_what_most_of_a_shop_has_is_in_no_name(asked):
    """By SQL: a category in a name has at most 60 % of a purchase's pieces, on average."""
    common = asked(
        "with pieces as (select l.shop_id, l.order_id, l.category, sum(l.quantity) as pieces "
        "from marts.order_lines as l inner join marts.orders as o using (shop_id, order_id) "
        "where o.is_purchase and l.status = 'sold' and l.line_kind = 'product' group by 1, 2, 3), "
        "parts as (select shop_id, category, pieces / sum(pieces) over "
        "(partition by shop_id, order_id) as part from pieces), "
        "shares as (select shop_id, category, sum(part) / (select count(*) from marts.orders as o "
        "where o.shop_id = parts.shop_id and o.is_purchase) as share from parts group by 1, 2) "
        "select s.shop_id, s.segment_name, c.category from marts.segments as s "
        "inner join shares as c using (shop_id) where s.segmentation = 'orders' "
        "and c.share > 0.6 and position(lower(c.category) in lower(s.segment_name)) > 0"
    )
    assert common == []


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"shop": "nowhere"}, "no shop 'nowhere'; it has .*popular-bag"),
        ({"shop": "popular-bag", "daypart": "Midnight"}, "Night, Morning, Afternoon, Evening"),
        ({"shop": "popular-bag", "month": 13}, "expected 1 to 12"),
        ({"shop": "one-product", "month": 7}, "months are 3"),
        ({"shop": "popular-bag", "category": "Cars"}, "there are: Bags, Food"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(asked, wanted, told):
    product = "mug" if wanted["shop"] == "one-product" else "tea"
    with Night() as night, pytest.raises(DataError, match=told):
        night.recommendations([product], **wanted)


def test_segments_and_figures_of_an_unknown_shop_are_refused(asked):
    with Night() as night:
        for ask in (night.segments, night.leaderboard):
            with pytest.raises(DataError, match="no shop 'nowhere'"):
                ask(shop="nowhere")
        with pytest.raises(DataError, match=r"no segmentation 'ordres'; it has .*orders"):
            night.segments("ordres")
