"""Answers out of a table of nearest products, by hand; the file, and what is left out of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING
from ecorse.recommenders.co_purchase import CoPurchase, CoPurchaseConfig
from ecorse.recommenders.item_similarity import ItemSimilarity, ItemSimilarityConfig
from ecorse.recommenders.popular import Popular, PopularConfig

TASK = Task("recommend_tested", "main")
A, B, C, D, E = range(5)


def shop(*orders: str) -> Interactions:
    """Products A to E, all of one category; a line per letter, an order per hour."""
    items = pl.DataFrame({"product_id": list("ABCDE"), "category": "x", "price_band": None})
    lines = [
        (f"o{n}", item, datetime(2019, 1, 1) + timedelta(hours=n), None, "Night")
        for n, order in enumerate(orders)
        for item in order
    ]
    schema = {"basket_id": pl.String, "product_id": pl.String, "at": pl.Datetime("us"),
              "city": pl.String, "daypart": pl.String}  # fmt: skip
    return Interactions.from_frames(items, pl.DataFrame(lines, schema=schema, orient="row"))


# of 10 orders A is in 4, B in 4, C in 2, D in 4; A meets B three times, C once; B meets C once
ORDERS = shop("AB", "AB", "AB", "AC", "BC", "D", "D", "D", "D", "E")


@pytest.fixture(params=["co_purchase", "item_similarity"])
def model(request):
    if request.param == "co_purchase":
        return CoPurchase(CoPurchaseConfig(min_co_purchases=1)).fit(ORDERS, TASK)
    return ItemSimilarity(ItemSimilarityConfig(min_co_purchases=1)).fit(ORDERS, TASK)


def basket(*items: int) -> sparse.csr_matrix:
    row = np.zeros((1, 5), dtype=np.int32)
    row[0, list(items)] = 1
    return sparse.csr_matrix(row)


def test_a_basket_is_answered_with_what_goes_with_it_and_then_with_best_sellers(model):
    found = model.answer(basket(A), 4)
    # B and C are bought with A; D sells most of what is left, then E; likeness plays no part
    assert found.items.tolist() == [[B, C, D, E]]
    assert found.scores[0, 0] == pytest.approx(3 / 4, abs=1e-5)
    assert found.scores[0, 1] == pytest.approx(1 / np.sqrt(4 * 2), abs=1e-5)
    assert 0 < found.scores[0, 3] < found.scores[0, 2] < 1e-5


def test_scores_add_up_over_a_basket(model):
    found = model.answer(basket(A, B), 1)
    assert found.items.tolist() == [[C]]
    assert found.scores[0, 0] == pytest.approx(2 / np.sqrt(8), abs=1e-5)


def test_an_empty_basket_gets_best_sellers_and_a_full_one_nothing(model):
    assert model.answer(basket(), 3).items.tolist() == [[A, B, D]]
    assert model.answer(basket(A, B, C, D, E), 2).items.tolist() == [[NOTHING, NOTHING]]


def test_no_basket_no_answer(model):
    assert model.answer(sparse.csr_matrix((0, 5), dtype=np.int32), 3).items.shape == (0, 3)


def test_lists_may_be_asked_for_in_any_order_and_shorter(model):
    everyone = model.similar(np.arange(5), 3)
    some = model.similar(np.array([C, A]), 2)
    np.testing.assert_array_equal(some.items, everyone.items[[C, A], :2])
    np.testing.assert_array_equal(some.scores, everyone.scores[[C, A], :2])


def test_evidence_follows_the_list_that_was_asked_for(model):
    asked = np.array([C, A])
    told = model.explain(asked, model.similar(asked, 1))
    # nearest of C are A and B alike (1 of 2 and 4 orders): A; nearest of A is B
    assert told["co_purchases"].to_list() == [1, 3]
    assert told["orders"].to_list() == [2, 4]
    assert told["similar_orders"].to_list() == [4, 4]


def test_explaining_an_empty_list_gives_no_rows():
    model = CoPurchase(CoPurchaseConfig()).fit(shop("A", "B"), TASK)
    nothing = model.similar(np.arange(5), 2)
    assert not nothing.is_there.any()
    told = model.explain(np.arange(5), nothing)
    assert told.height == 0
    assert {"relation", "sentence"} <= set(told.columns)


def test_what_baskets_are_answered_by_is_the_same_with_or_without_lists_before():
    alone, after = (
        ItemSimilarity(ItemSimilarityConfig(min_co_purchases=1)).fit(ORDERS, TASK) for _ in range(2)
    )
    after.similar(np.arange(5), 2)
    assert alone.complements.frame().equals(after.complements.frame())
    assert alone.complements.items.tolist() == [A, A, B, B, C, C]
    assert "pairs" not in vars(alone)  # a fit that only answers for baskets makes no lists


def test_the_file_brings_back_lists_answers_and_evidence(model):
    back = type(model).load(model.dump(), model.config)
    everyone = np.arange(5)
    for ask in (lambda m: m.similar(everyone, 3), lambda m: m.answer(ORDERS.baskets, 3)):
        np.testing.assert_array_equal(ask(back).items, ask(model).items)
        np.testing.assert_array_equal(ask(back).scores, ask(model).scores)
    ranked = model.similar(everyone, 3)
    assert back.explain(everyone, ranked).equals(model.explain(everyone, ranked))
    assert back.params() == model.params()
    assert dict(back.dump()) == dict(model.dump())


def test_best_sellers_by_hand():
    anybody = pl.DataFrame({"customer_id": ["ann"]})
    popular = Popular(PopularConfig()).fit(Interactions(ORDERS.items, anybody, ORDERS.rows), TASK)
    found = popular.answer(sparse.vstack([basket(A), basket(B, D)]).tocsr(), 3)
    assert found.items.tolist() == [[B, D, C], [A, C, E]]
    assert found.scores.tolist() == [[0.4, 0.4, 0.2], [0.4, 0.2, 0.1]]
    among = popular.recommend(np.arange(1), 3, among=np.array([C, E]))
    assert among.items.tolist() == [[C, E, NOTHING]]
