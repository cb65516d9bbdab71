"""Recommendations for a basket, the season's lift, co-purchase blocks and hit rate, by hand."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from ecorse.errors import DataError
from ecorse.evaluate.ranking import hit_rate, split_by_time
from ecorse.recommenders.basket import context_lift, recommend_for_basket
from ecorse.recommenders.co_purchase import top_co_purchases

PRODUCTS = pl.DataFrame(
    {
        "product_id": ["a", "b", "c", "d", "e"],
        "category": ["x", "x", "y", "y", "y"],
        "orders": [10, 5, 3, 8, 1],
    }
)
SIMILARITY = pl.DataFrame(
    [
        ("a", "b", 0.6, "blend"),
        ("a", "c", 0.5, "blend"),
        ("b", "c", 0.4, "blend"),
        ("b", "a", 0.6, "blend"),
        ("e", "a", 0.9, "fallback"),
    ],
    schema=["product_id", "similar_product_id", "score", "method"],
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


def test_context_lift_by_hand():
    # 20 of 40 lines are in December: share 1/2. p: 20 of its 20 lines; q: 0 of its 20.
    lines = pl.DataFrame(
        {
            "product_id": ["p"] * 20 + ["q"] * 20,
            "ordered_local": [datetime(2019, 12, 1)] * 20 + [datetime(2019, 6, 1)] * 20,
            "daypart": ["Evening"] * 40,
        }
    )
    lift = dict(context_lift(lines, month=12).iter_rows())
    assert lift["p"] == pytest.approx((20 + 5) / (30 * 0.5))
    assert lift["q"] == pytest.approx((0 + 5) / (30 * 0.5))
    assert set(context_lift(lines, month=3)["lift"]) == {1.0}
    assert set(context_lift(lines, daypart="Evening")["lift"]) == {1.0}


@pytest.mark.parametrize("max_lines", [1, 7, 100, 10**6])
@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_and_threads_do_not_change_the_neighbours(max_lines, threads):
    rng = np.random.default_rng(3)
    dense = (rng.random((200, 30)) < 0.1).astype(np.int32)
    found = top_co_purchases(sparse.csr_matrix(dense), 5, threads, max_lines)
    counts = dense.T @ dense
    sizes = counts.diagonal()
    expected = []
    for i in range(30):
        cosines = [
            (-round(counts[i, j] / np.sqrt(sizes[i] * sizes[j]), 9), j)
            for j in range(30)
            if j != i and counts[i, j]
        ]
        expected += [(i, j, rank, -s) for rank, (s, j) in enumerate(sorted(cosines)[:5], 1)]
    rows = zip(found.rows, found.cols, found.ranks, found.scores, strict=True)
    assert [row[:3] for row in expected] == [tuple(map(int, row[:3])) for row in rows]
    assert found.scores == pytest.approx([row[3] for row in expected], abs=1e-9)


def test_hit_rate_by_hand():
    # Baskets {0, 1} and {2, 3}. 1 is similar to 0 only; popularity puts 0, 1, 2, 3 in this order.
    baskets = sparse.csr_matrix([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0]])
    popularity = np.array([9, 8, 7, 6])
    nothing = sparse.csr_matrix((4, 4))
    # Popularity names 1 beside {0} and 0 beside {1}: hits; and 0 beside {2} and {3}: misses.
    assert hit_rate(baskets, nothing, popularity, 1, 100).rate == 0.5
    similar = sparse.csr_matrix(([0.5], ([2], [3])), shape=(4, 4))
    # Now {2} names 3 as well.
    found = hit_rate(baskets, similar, popularity, 1, 100)
    assert (found.rate, found.cases) == (0.75, 4)
    assert found.standard_error == pytest.approx(np.sqrt(0.75 * 0.25 / 4))
    assert hit_rate(baskets[2:], nothing, popularity, 1, 100).cases == 0


def test_split_by_time_keeps_orders_whole():
    lines = pl.DataFrame(
        {
            "order_id": ["1", "2", "3", "4", "4"],
            "ordered_local": [datetime(2019, 1, day) for day in (1, 2, 3, 4, 9)],
        }
    )
    earlier, later = split_by_time(lines, 0.25)
    assert set(earlier["order_id"]) == {"1", "2", "3"}
    assert later["order_id"].to_list() == ["4", "4"]
