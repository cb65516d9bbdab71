"""Customers and products without a history, on planted tastes, by the shipped declarations.

What a list is worth to a customer is known: the share of what the customer will buy that is on it.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from ecorse.answering.saved import SavedModel
from ecorse.evaluate.intervals import means
from ecorse.models.base import Task
from ecorse.models.declaration import read_declarations
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING
from ecorse.settings import PROJECT_DIR
from ecorse.testing.tastes import shop_of_tastes
from ecorse.training.filling import Filler, filled
from ecorse.training.fitted import Fitted
from ecorse.training.lists import item_lists

TASK = Task("recommend_tested", "main", seed=1)
K, YOUNG = 10, timedelta(days=60)


def shipped(name):
    return read_declarations([PROJECT_DIR / "include" / "models" / f"recommend_{name}.toml"])[0]


@pytest.fixture(scope="module")
def shop():
    return shop_of_tastes(customers=900, products=120, seed=4)


@pytest.fixture(scope="module")
def young(shop):
    """The first two months: many customers have bought nothing, or once."""
    begins = shop.data.rows["at"].min() + YOUNG
    return begins, shop.data.ended(None, begins)


@pytest.fixture(scope="module")
def blend(young):
    return shipped("for_customers").create().fit(young[1], TASK)


def worth(shop, users, items):
    assert (items != NOTHING).all()  # every list is full
    return np.take_along_axis(shop.liked[users], items, axis=1).sum(axis=1)


def is_better(users, ours, theirs):
    gap = means(users, np.zeros(len(users), int), (ours - theirs)[:, None], seed=1)[0]
    return gap.is_above(0)


def best_sellers(data, users, seen=None):
    model = shipped("best_sellers_lately").create().fit(data, TASK)
    return full(data, model.recommend(users, K, seen=seen), users, seen)


def full(data, ranked, users, seen=None):
    nothing = sparse.csr_matrix((len(users), data.items.height))
    kind = "for_you" if seen is None else "explore"
    return filled(ranked, kind, nothing if seen is None else seen, nothing, Filler.of(data))[
        0
    ].items


def test_who_only_looked_gets_a_full_list_that_is_worth_more_than_best_sellers(shop, young, blend):
    begins, data = young
    ids = data.items["product_id"]
    looks = shop.views.filter(pl.col("at") < begins)
    looked = dict(looks.group_by("user", maintain_order=True).agg("item").iter_rows())
    bought = np.diff(data.matrix.indptr)
    users = np.array([user for user in sorted(looked) if not bought[user]])
    assert len(users) > 80
    saved = SavedModel(Fitted.on(blend, data), "for_customers")
    number = {product: place for place, product in enumerate(ids)}
    items = np.array(
        [
            [number[p] for p in saved.for_session([ids[i] for i in looked[u]], K)["product_id"]]
            for u in users
        ]
    )
    ours, theirs = (worth(shop, users, each) for each in (items, best_sellers(data, users)))
    assert is_better(users, ours, theirs)


@pytest.mark.parametrize("kind", ["for_you", "explore"])
def test_one_purchase_is_enough_to_be_better_than_best_sellers(shop, young, blend, kind):
    _, data = young
    users = np.flatnonzero(np.diff(data.matrix.indptr) == 1)
    assert len(users) > 80
    seen = data.matrix[users] if kind == "explore" else None
    items = full(data, blend.recommend(users, K, seen=seen), users, seen)
    if seen is not None:
        assert not seen[np.arange(len(users))[:, None], items].sum()
    ours = worth(shop, users, items)
    assert is_better(users, ours, worth(shop, users, best_sellers(data, users, seen)))


@pytest.fixture(scope="module")
def arrivals(shop):
    """A year's shop in which every eighth product has not been bought yet."""
    new = np.arange(3, shop.data.items.height, 8)
    rows = shop.data.rows.filter(~pl.col("item").is_in(new.tolist()))
    return new, Interactions(shop.data.items, shop.data.users, rows)


def test_of_products_that_nobody_bought_each_customer_gets_those_they_like(shop, arrivals):
    new, data = arrivals
    users = np.flatnonzero(np.diff(data.matrix.indptr) >= 2)
    model = shipped("for_customers").create().fit(data, TASK)
    ranked = model.recommend(users, 5, seen=data.matrix[users], among=new)
    liked = np.take_along_axis(shop.liked[users], np.maximum(ranked.items, 0), axis=1)
    ours = (liked * ranked.is_there).sum(axis=1)
    # best sellers tell nothing about them: any five are as good
    assert is_better(users, ours, shop.liked[users][:, new].mean(axis=1) * 5)


def test_a_product_that_nobody_bought_has_a_full_list_of_what_is_alike(shop, arrivals):
    new, data = arrivals
    declaration = shipped("item_similarity")
    model = declaration.create().fit(data, TASK)
    blocks = item_lists(Fitted.on(model, data), data, "main", "item_similarity", declaration.file)
    names = data.items["product_id"].gather(new).to_list()
    rows = pl.concat(list(blocks)).filter(pl.col("product_id").is_in(names))
    assert rows.group_by("product_id").len()["len"].to_list() == [declaration.file.top_n] * len(new)
    kind = dict(data.items.select("product_id", "category").iter_rows())
    first = rows.filter(pl.col("rank") <= 3).select("product_id", "similar_product_id")
    # one product of fourteen is of the same category
    assert np.mean([kind[one] == kind[other] for one, other in first.iter_rows()]) > 0.9
