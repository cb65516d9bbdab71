"""Neighbours as rows: numbers of another night's catalogue mapped by hand."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from ecorse import declared
from ecorse.models.base import NoParameters, Recommender, Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Ranked
from ecorse.models.recommender_file import RecommenderFile
from ecorse.training import lists
from ecorse.training.fitted import Fitted
from ecorse.training.lists import item_lists

NOON = datetime(2019, 1, 1, 12)
TASK = Task("recommend_tested", "main")


def shop(products: str, orders: dict[str, str]) -> Interactions:
    """Customers and the products that each bought, one order per product."""
    rows = [
        (f"{customer}{number}", customer, item, NOON)
        for customer, items in orders.items()
        for number, item in enumerate(items)
    ]
    schema = {"basket_id": pl.String, "customer_id": pl.String, "product_id": pl.String,
              "at": pl.Datetime("us")}  # fmt: skip
    return Interactions.from_frames(
        pl.DataFrame({"product_id": list(products)}),
        pl.DataFrame(rows, schema=schema, orient="row"),
    )


BEFORE = shop("abce", {"amy": "ac", "bob": "aceb", "cat": "ce"})
# tonight: a left, d came before e
TONIGHT = shop("bcde", {"bob": "ceb", "cat": "ce", "dan": "d", "eve": ""})


class InOrder(Recommender):
    """The neighbours of a product are those after it, in a circle."""

    answers = frozenset({"items"})

    def fit(self, data, task, champion=None):
        self.n = data.items.height
        return self

    def similar(self, items, k):
        near = (items[:, None] + np.arange(1, k + 1)) % self.n
        return Ranked(near, np.tile(1 / np.arange(2.0, k + 2), (len(items), 1)))

    def dump(self):
        return {}

    @classmethod
    def load(cls, files, config):
        return cls(config)


def item_rows(top_n=2, fitted_on=BEFORE):
    model = InOrder(NoParameters()).fit(fitted_on, TASK)
    file = declared.check(
        {
            "model": {"class": "in_order", "answers": ["items"]},
            "inputs": {"products": "select", "interactions": "select"},
            "top_n": top_n,
        },
        RecommenderFile,
        "recommend_in_order.toml",
    )
    blocks = item_lists(Fitted.on(model, fitted_on), TONIGHT, "main", "in_order", file)
    return pl.concat(list(blocks))


def test_neighbours_of_an_older_catalogue_close_ranks_and_new_products_get_best_sellers():
    rows = item_rows()
    # before: b has c, e; c has e, a; e has a, b. Tonight's best sellers: c and e (2), b and d (1)
    assert rows.select("product_id", "rank", "similar_product_id", "relation").rows() == [
        ("b", 1, "c", "similar"),
        ("b", 2, "e", "similar"),
        ("c", 1, "e", "similar"),
        ("e", 1, "b", "similar"),
        ("d", 1, "c", "popular"),
        ("d", 2, "e", "popular"),
    ]
    assert rows["score"].to_list() == pytest.approx([1 / 2, 1 / 3, 1 / 2, 1 / 3, 2 / 6, 2 / 6])
    assert rows["similar_product_name"].to_list() == rows["similar_product_id"].to_list()


def test_blocks_change_no_row_of_products(monkeypatch):
    whole = item_rows()
    monkeypatch.setattr(lists, "BLOCK_ITEMS", 1)
    assert item_rows().equals(whole)


class NearOne(InOrder):
    """Each product has one neighbour, the one after it."""

    def similar(self, items, k):
        near = super().similar(items, k)
        return Ranked(near.items[:, :1], near.scores[:, :1])


def test_behind_what_is_near_to_a_product_that_nobody_bought_come_best_sellers():
    # a, b and c are in 3, 2 and 2 of 7 orders; n and o are in none
    data = shop("abcno", {"amy": "abc", "bob": "ab", "cat": "ac"})
    model = NearOne(NoParameters()).fit(data, TASK)
    file = declared.check(
        {
            "model": {"class": "near_one", "answers": ["items"]},
            "inputs": {"products": "select", "interactions": "select"},
            "top_n": 3,
        },
        RecommenderFile,
        "recommend_near_one.toml",
    )
    rows = pl.concat(list(item_lists(Fitted.on(model, data), data, "main", "near_one", file)))
    found = {
        product: part.sort("rank").select("rank", "similar_product_id", "relation", "score").rows()
        for (product,), part in rows.group_by("product_id")
    }
    # what is sold has the list that it has
    assert [len(found[product]) for product in "abc"] == [1, 1, 1]
    assert found["n"] == [
        (1, "o", "similar", 1 / 2),
        (2, "a", "popular", 1 / 4),  # half of the last score, times 3 of the best seller's 3
        (3, "b", "popular", pytest.approx(1 / 4 * 2 / 3)),
    ]
    # its neighbour a is not named twice
    assert found["o"] == [
        (1, "a", "similar", 1 / 2),
        (2, "b", "popular", pytest.approx(1 / 4 * 2 / 3)),
        (3, "c", "popular", pytest.approx(1 / 4 * 2 / 3)),
    ]
