"""Recommendations for a basket out of the served table, and the season's lift, by hand."""

from __future__ import annotations

import polars as pl
import pytest

from ecorse.errors import DataError
from ecorse.recommenders.basket import context_lift, recommend_for_basket

PRODUCTS = pl.DataFrame(
    {
        "product_id": ["a", "b", "c", "d", "e"],
        "category": ["x", "x", "y", "y", "y"],
        "baskets": [10, 5, 3, 8, 1],
    }
)
SIMILARITY = pl.DataFrame(
    [
        ("a", "b", 0.6, "complement"),
        ("a", "c", 0.5, "complement"),
        ("b", "c", 0.4, "complement"),
        ("b", "a", 0.6, "complement"),
        ("e", "a", 0.9, "popular"),
    ],
    schema=["product_id", "similar_product_id", "score", "relation"],
    orient="row",
)


def recommend(ids, n, **options):
    return recommend_for_basket(SIMILARITY, PRODUCTS, ids, n, **options)


def test_scores_add_up_over_the_basket():
    rows = recommend(["a", "b"], 1)
    assert rows["product_id"].to_list() == ["c"]
    assert rows["score"].item() == pytest.approx(0.5 + 0.4)
    assert rows["because_of"].item() == "a"


def test_best_sellers_fill_up_and_are_flagged():
    rows = recommend(["a"], 4)
    assert rows["product_id"].to_list() == ["b", "c", "d", "e"]
    assert rows["source"].to_list() == ["similar", "similar", "popular", "popular"]
    assert rows["rank"].to_list() == [1, 2, 3, 4]


@pytest.mark.parametrize("chosen", ["a", "b", "c", "d", "e"])
def test_any_product_gives_n_distinct_others(chosen):
    rows = recommend([chosen, chosen], 4)
    assert sorted([*rows["product_id"], chosen]) == ["a", "b", "c", "d", "e"]


def test_category_filter_gives_only_that_category():
    assert recommend(["a"], 5, category="y")["product_id"].to_list() == ["c", "d", "e"]


def test_best_sellers_of_the_table_are_no_likeness():
    # e has only the best seller a beside it: popular, whatever its score in the table
    rows = recommend(["e"], 4)
    assert rows["product_id"].to_list() == ["a", "d", "b", "c"]  # by orders: 10, 8, 5, 3
    assert set(rows["source"]) == {"popular"}
    assert rows["because_of"].null_count() == 4


def test_season_changes_the_order():
    winter = pl.DataFrame({"product_id": ["c"], "lift": [2.0]})
    assert recommend(["a"], 2)["product_id"].to_list() == ["b", "c"]
    assert recommend(["a"], 2, context=winter)["product_id"].to_list() == ["c", "b"]


@pytest.mark.parametrize(
    ("ids", "n", "options", "word"),
    [(["a", "zz"], 3, {}, "'zz'"), (["a"], 0, {}, "n = 0"), (["a"], 1, {"category": "q"}, "x, y")],
)
def test_wrong_questions_are_answered_with_what_is_wrong(ids, n, options, word):
    with pytest.raises(DataError, match=word):
        recommend(ids, n, **options)


@pytest.mark.parametrize("when", [{"month": 13}, {"month": 0}, {"daypart": "evening"}])
def test_a_time_that_there_is_not_is_refused(when):
    with pytest.raises(DataError, match="expected"):
        context_lift(times(("p", 1, "Evening", 1)), **when)


def times(*rows: tuple[str, int, str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, ["product_id", "calendar_month", "daypart", "baskets"], orient="row")


def test_context_lift_by_hand():
    # 20 of 40 baskets are in December: share 1/2. p: 20 of its 20; q: 0 of its 20.
    known = times(("p", 12, "Evening", 20), ("q", 6, "Evening", 20))
    lift = dict(context_lift(known, month=12).iter_rows())
    assert lift["p"] == pytest.approx((20 + 5) / (30 * 0.5))
    assert lift["q"] == pytest.approx((0 + 5) / (30 * 0.5))
    assert set(context_lift(known, daypart="Evening")["lift"]) == {1.0}


def test_rows_of_one_product_are_its_sum():
    known = times(("p", 12, "Evening", 5), ("p", 12, "Night", 15), ("p", 1, "Night", 20))
    assert context_lift(known, month=12).rows() == [("p", pytest.approx((20 + 5) / (50 * 0.5)))]


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ({"month": 3}, "month = 3.*months are 6, 12, its dayparts Evening"),
        ({"daypart": "Night"}, "daypart = 'Night'.*dayparts Evening"),
        ({"month": 6, "daypart": "Night"}, "month = 6, daypart = 'Night'"),
    ],
)
def test_a_time_without_any_basket_is_refused_with_those_there_are(when, told):
    known = times(("p", 12, "Evening", 20), ("q", 6, "unknown", 20))
    with pytest.raises(DataError, match=told):
        context_lift(known, **when)


def test_dates_alone_tell_no_part_of_the_day():
    with pytest.raises(DataError, match="tells the date alone"):
        context_lift(times(("p", 12, "unknown", 20)), daypart="Evening")
