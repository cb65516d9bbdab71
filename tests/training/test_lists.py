"""Answers as rows: numbers of another night's catalogue mapped by hand."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from ecorse.models.base import NoParameters, Recommender, Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Ranked
from ecorse.recommenders.popular import Popular, PopularConfig
from ecorse.training import lists
from ecorse.training.lists import item_lists, user_lists

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


# best sellers of the older night: c (3 of 8 orders), a and e (2), b (1)
BEFORE = shop("abce", {"amy": "ac", "bob": "aceb", "cat": "ce"})
# tonight: a left, d came before e; amy is gone, dan is new
TONIGHT = shop("bcde", {"bob": "ceb", "cat": "ce", "dan": "d", "eve": ""})


def rows_for(model: Recommender, data: Interactions, fitted_on: Interactions, top_n: int = 3):
    blocks = user_lists(
        model,
        fitted_on.items["product_id"],
        fitted_on.users["customer_id"],
        data,
        "main",
        "popular",
        top_n,
    )
    return pl.concat(list(blocks))


@pytest.fixture
def model() -> Popular:
    return Popular(PopularConfig()).fit(BEFORE, TASK)


def test_lists_of_tonights_own_model(model):
    rows = rows_for(model, BEFORE, BEFORE)
    assert rows.select("customer_id", "rank", "product_id", "score").rows() == [
        ("amy", 1, "e", 2 / 8),
        ("amy", 2, "b", 1 / 8),
        ("cat", 1, "a", 2 / 8),
        ("cat", 2, "b", 1 / 8),
    ]  # bob has bought everything
    assert rows.select("shop_id", "method", "source").unique().rows() == [
        ("main", "popular", "popular")
    ]


def test_a_champion_of_an_older_catalogue_speaks_of_tonights_ids(model):
    rows = rows_for(model, TONIGHT, BEFORE)
    # bob bought c, e and b: only a is left, which is gone. cat bought c and e: a is gone, b stays
    assert rows.select("customer_id", "rank", "product_id", "score").rows() == [
        ("cat", 1, "b", 1 / 8)
    ]


def test_customers_that_the_model_does_not_know_have_no_list(model):
    rows = rows_for(model, TONIGHT, BEFORE)
    assert "dan" not in rows["customer_id"].to_list()


def test_what_was_bought_since_is_not_given(model):
    since = shop("abce", {"amy": "ace", "bob": "aceb", "cat": "ce"})
    rows = rows_for(model, since, BEFORE)
    assert rows.filter(customer_id="amy")["product_id"].to_list() == ["b"]


def test_without_known_customers_there_are_no_rows_and_all_columns(model):
    strangers = shop("abce", {"zoe": "a"})
    rows = rows_for(model, strangers, BEFORE)
    assert rows.is_empty()
    assert rows.columns == rows_for(model, BEFORE, BEFORE).columns
    assert rows.schema == rows_for(model, BEFORE, BEFORE).schema


def test_blocks_change_no_row(model, monkeypatch):
    whole = rows_for(model, BEFORE, BEFORE)
    monkeypatch.setattr(lists, "BLOCK_USERS", 1)
    assert rows_for(model, BEFORE, BEFORE).equals(whole)


class Explaining(Popular):
    """Tells a reason and a part for each item."""

    def explain(self, rows, ranked):
        there = ranked.is_there
        asked = zip(np.repeat(rows, there.sum(axis=1)), ranked.items[there], strict=True)
        sentences = [f"user {user} item {item}" for user, item in asked]
        return pl.DataFrame({"sentence": sentences, "source": "explaining"})


def test_reasons_stay_with_their_rows():
    model = Explaining(PopularConfig()).fit(BEFORE, TASK)
    rows = rows_for(model, TONIGHT, BEFORE)
    # in the model's own numbers cat is 2 and b is 1
    assert rows["reason"].to_list() == ["user 2 item 1"]
    assert rows["source"].to_list() == ["explaining"]


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
    blocks = item_lists(model, fitted_on.items["product_id"], TONIGHT, "main", "in_order", top_n)
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
