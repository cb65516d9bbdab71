"""Lists for customers as rows: full, of their kind, numbers of another night mapped by hand."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from ecorse import declared
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING, Ranked, broken_order
from ecorse.models.recommender_file import RecommenderFile
from ecorse.recommenders.buy_again import BuyAgain, BuyAgainConfig
from ecorse.recommenders.item_knn import ItemKnn, ItemKnnConfig
from ecorse.recommenders.popular import Popular, PopularConfig
from ecorse.training import customer_lists as under_test
from ecorse.training.customer_lists import broken_lists, customer_lists
from ecorse.training.filling import Filler, filled
from ecorse.training.fitted import Fitted

NOON = datetime(2019, 1, 1, 12)
TASK = Task("recommend_tested", "main")


def shop(products: str, orders: dict[str, str]) -> Interactions:
    """Customers and the products that each bought, one order per product, all at one instant."""
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


def a_file(*lists: str, top_n: int = 3) -> RecommenderFile:
    document = {
        "model": {"class": "popular", "answers": ["users"]},
        "inputs": {"products": "select", "interactions": "select"},
        "lists": list(lists),
        "top_n": top_n,
    }
    return declared.check(document, RecommenderFile, "recommend_popular.toml")


def rows_for(model, data, fitted_on, *lists: str, top_n: int = 3) -> pl.DataFrame:
    fitted = Fitted.on(model, fitted_on)
    blocks = customer_lists(fitted, data, "main", "popular", a_file(*lists, top_n=top_n))
    return pl.concat(list(blocks))


def lists_of(rows: pl.DataFrame) -> dict[str, str]:
    """``customer: products in order``."""
    found = rows.group_by("customer_id", maintain_order=True).agg(pl.col("product_id"))
    return {customer: "".join(products) for customer, products in found.rows()}


# best sellers of the older night: c (3 of 8 orders), a and e (2), b (1)
BEFORE = shop("abce", {"amy": "ac", "bob": "aceb", "cat": "ce"})
# tonight: a left, d came before e; amy is gone, dan is new. c and e (2), b and d (1)
TONIGHT = shop("bcde", {"bob": "ceb", "cat": "ce", "dan": "d", "eve": ""})


@pytest.fixture
def model() -> Popular:
    return Popular(PopularConfig()).fit(BEFORE, TASK)


def test_explore_is_all_that_is_new_and_for_you_is_not(model):
    rows = rows_for(model, BEFORE, BEFORE, "explore", "for_you")
    assert lists_of(rows.filter(list="explore")) == {"amy": "eb", "cat": "ab"}  # bob had all
    assert lists_of(rows.filter(list="for_you")) == {"amy": "cae", "bob": "cae", "cat": "cae"}
    assert rows["score"].to_list()[:2] == [2 / 8, 1 / 8]
    assert rows["level"].unique().to_list() == [0]
    assert rows["source"].unique().to_list() == ["popular"]


def test_a_champion_of_an_older_catalogue_speaks_of_tonights_ids_and_is_filled_up(model):
    rows = rows_for(model, TONIGHT, BEFORE, "explore")
    # bob bought c, e and b: the model has only a for him, which is gone. cat bought c and e: of
    # the model's a and b, b stays. Then what sells: to bob d; to cat d. dan is new to the model
    assert lists_of(rows) == {"bob": "d", "cat": "bd", "dan": "ceb"}
    levels = rows.select("customer_id", "product_id", "level").rows()
    assert [level for *_, level in levels] == [1, 0, 1, 1, 1, 1]


def test_ranks_have_no_gaps_and_scores_never_rise(model):
    rows = rows_for(model, TONIGHT, BEFORE, "explore", "for_you")
    for _, own in rows.group_by("list", "customer_id", maintain_order=True):
        assert own["rank"].to_list() == list(range(1, own.height + 1))
        assert own["score"].is_sorted(descending=True)
        assert own["score"].min() > 0


def test_what_nobody_has_bought_fills_a_list_at_the_very_end():
    data = shop("abcxy", {"amy": "a", "bob": "b", "cat": "b"})
    model = Popular(PopularConfig()).fit(data, TASK)
    rows = rows_for(model, data, data, "explore", top_n=9)
    assert lists_of(rows) == {"amy": "bcxy", "bob": "acxy", "cat": "acxy"}
    assert rows.filter(customer_id="amy")["level"].to_list() == [0, 2, 2, 2]
    told = rows.filter(customer_id="amy", product_id="c").row(0, named=True)
    assert told["reason"] == "In no one's orders yet; nothing nearer is known"
    counts = {"orders": 0, "all_orders": 3, "late_orders": 0, "all_late_orders": 3}
    assert json.loads(told["evidence"]) == counts


def test_what_was_refused_since_is_not_given_by_an_older_model(model):
    """Until then amy's list was c, a, e: she says no to c, and what follows comes up."""
    orders = {"amy": "ac", "bob": "aceb", "cat": "ce"}
    rows = [(f"{c}{i}", c, i, NOON, 1.0) for c, items in orders.items() for i in items]
    rows.append(("no", "amy", "c", NOON + timedelta(hours=1), -1.0))
    schema = ["basket_id", "customer_id", "product_id", "at", "weight"]
    since = Interactions.from_frames(
        pl.DataFrame({"product_id": list("abce")}), pl.DataFrame(rows, schema, orient="row")
    )
    found = rows_for(model, since, BEFORE, "for_you", "explore")
    assert lists_of(found.filter(list="for_you")) == {"amy": "aeb", "bob": "cae", "cat": "cae"}
    assert lists_of(found.filter(list="explore")) == {"amy": "eb", "cat": "ab"}
    assert found["level"].unique().to_list() == [0]


def test_what_was_bought_since_is_not_given(model):
    since = shop("abce", {"amy": "ace", "bob": "aceb", "cat": "ce"})
    rows = rows_for(model, since, BEFORE, "explore")
    assert lists_of(rows)["amy"] == "b"


def test_strangers_to_the_model_get_best_sellers_with_their_counts(model):
    strangers = shop("abce", {"zoe": "a", "yan": "bb"})
    rows = rows_for(model, strangers, BEFORE, "explore")
    assert lists_of(rows) == {"yan": "ace", "zoe": "bce"}
    told = rows.filter(customer_id="zoe", product_id="b").row(0, named=True)
    assert told["reason"] == (
        "A best seller of late: in 2 of 3 orders of the last 28 days; nothing nearer is known"
    )
    counts = {"orders": 2, "all_orders": 3, "late_orders": 2, "all_late_orders": 3}
    assert json.loads(told["evidence"]) == counts


def test_a_list_of_what_to_buy_again_is_as_long_as_it_is():
    model = BuyAgain(BuyAgainConfig()).fit(BEFORE, TASK)
    rows = rows_for(model, BEFORE, BEFORE, "buy_again")
    assert lists_of(rows) == {"amy": "ac", "bob": "abc", "cat": "ce"}


def test_nobody_is_no_row_and_all_columns(model):
    nobody = shop("abce", {})
    rows = rows_for(model, nobody, BEFORE, "explore")
    assert rows.is_empty()
    assert rows.columns == rows_for(model, BEFORE, BEFORE, "explore").columns


def test_blocks_change_no_row(model, monkeypatch):
    whole = rows_for(model, TONIGHT, BEFORE, "explore", "for_you")
    monkeypatch.setattr(under_test, "BLOCK_USERS", 1)
    assert rows_for(model, TONIGHT, BEFORE, "explore", "for_you").equals(whole)


def test_lists_are_full_whatever_the_shop():
    """A random shop: every list is as long as the catalogue and the customer's history allow."""
    random = np.random.default_rng(3)
    names = [f"p{n:02}" for n in range(30)]
    rows = pl.DataFrame(
        {
            "basket_id": [f"o{n // 3}" for n in range(600)],
            "customer_id": [f"c{c}" for c in random.integers(0, 40, 600)],
            "product_id": [names[i] for i in np.minimum(random.geometric(0.15, 600), 25)],
            "at": [NOON + timedelta(hours=int(h)) for h in random.integers(0, 4000, 600)],
        }
    )
    data = Interactions.from_frames(pl.DataFrame({"product_id": names}), rows)
    model = Popular(PopularConfig(half_life_days=7)).fit(data, TASK)
    found = rows_for(model, data, data, "explore", "for_you", top_n=20)
    had = dict(rows.group_by("customer_id").agg(pl.col("product_id").n_unique()).rows())
    for (kind, customer), own in found.group_by("list", "customer_id"):
        most = 30 - had[str(customer)] if kind == "explore" else 30
        assert own.height == min(20, most)
        assert own["product_id"].n_unique() == own.height


class Explaining(Popular):
    """Tells a reason, a part and a figure for each item."""

    def explain(self, rows, ranked, answer="users"):
        there = ranked.is_there
        asked = list(zip(np.repeat(rows, there.sum(axis=1)), ranked.items[there], strict=True))
        return pl.DataFrame(
            {
                "sentence": [f"user {user} item {item}" for user, item in asked],
                "source": "explaining",
                "item": [int(item) for _, item in asked],
            }
        )


def test_reasons_stay_with_their_rows():
    model = Explaining(PopularConfig()).fit(BEFORE, TASK)
    rows = rows_for(model, TONIGHT, BEFORE, "explore").filter(level=0)
    # in the model's own numbers cat is 2 and b is 1
    assert rows.select("reason", "source", "evidence").rows() == [
        ("user 2 item 1", "explaining", '{"item":1}')
    ]


class Forgetful(Popular):
    """Does not leave out what was seen."""

    def recommend(self, users, k, *, seen=None, among=None):
        return super().recommend(users, k, among=among)


def test_lists_against_their_kind_are_broken(model):
    assert broken_lists(model, ["explore", "for_you"], 3, BEFORE) == []
    forgetful = Forgetful(PopularConfig()).fit(BEFORE, TASK)
    assert broken_lists(forgetful, ["explore"], 3, BEFORE) == ["explore: a customer had it before"]
    assert broken_lists(model, ["buy_again"], 3, BEFORE) == ["buy_again: a customer never had it"]


def test_own_products_of_an_older_model_are_told_in_tonights_ids_and_counts():
    """A model of an older catalogue: its numbers are of a, b, c, e; tonight's of b, c, d, e."""
    older = shop("abce", {"amy": "abc", "bob": "bce", "cat": "ce"})
    model = ItemKnn(ItemKnnConfig(threads=1)).fit(older, TASK)
    # a left the catalogue, d came; amy took b back and bought d since: the model knows her c
    tonight = shop("bcde", {"amy": "cd", "bob": "bce", "cat": "ced"})
    rows = rows_for(model, tonight, older, "explore")
    told = rows.filter(customer_id="amy", product_id="e").row(0, named=True)
    assert told["level"] == 0
    # one order per product: no two of them ever met
    entry = {"product": "c", "together": 0, "orders": 3, "other_orders": 2, "lift": 0.0}
    (named,) = json.loads(told["evidence"])["because"]
    assert {name: named[name] for name in entry} == entry
    assert 0 < named["share"] <= 1
    assert told["reason"] == "Because you bought c"


def test_orders_of_nobody_count_in_receipts_and_teach_the_model_nothing():
    bought = pl.DataFrame(
        {
            "basket_id": ["1", "2", "3", "3", "4", "4"],
            "customer_id": ["amy", "bob", "bob", "bob", None, None],
            "product_id": ["a", "a", "a", "b", "a", "b"],
            "at": [NOON] * 6,
        }
    )
    every = Interactions.from_frames(pl.DataFrame({"product_id": list("abc")}), bought)
    data = every.of_customers()
    assert data.popularity.tolist() == [3, 1, 0]  # of customers' orders alone
    model = ItemKnn(ItemKnnConfig(threads=1)).fit(data, TASK)
    rows = rows_for(model, data, data, "explore")
    told = json.loads(rows.filter(customer_id="amy", product_id="b")["evidence"][0])
    assert told["because"][0]["together"] == 2
    assert told["because"][0]["orders"] == told["all_orders"] == 4


def test_best_sellers_of_one_score_come_by_number_though_their_sums_differ_in_the_last_bit():
    """Sales of the same days, in another sequence of orders, are the same."""
    sequences = itertools.islice(itertools.permutations([2, 5, 9, 16, 17]), 0, None, 15)
    rows = [
        (f"o{n}-{product}", f"c{n}", product, NOON + timedelta(days=day))
        for product, days in zip("abcdefgh", sequences, strict=True)
        for n, day in enumerate(days)
    ]
    rows += [(f"z{n}", "c0", "z", NOON + timedelta(days=n)) for n in range(16, 20)]
    schema = ["basket_id", "customer_id", "product_id", "at"]
    data = Interactions.from_frames(
        pl.DataFrame({"product_id": list("abcdefghz")}),
        pl.DataFrame(rows, schema=schema, orient="row"),
    )
    late = data.recent_popularity(7)[:8]
    assert len(set(late)) > 1  # or this test shows nothing
    assert np.ptp(late) < 1e-12
    nothing = sparse.csr_matrix((1, 9))
    for last in np.linspace(0.01, 1, 200):
        items, scores = np.full((1, 9), NOTHING), np.zeros((1, 9))
        items[0, 0], scores[0, 0] = 8, last
        listed, _ = filled(Ranked(items, scores), "for_you", nothing, nothing, Filler.of(data))
        assert listed.items.tolist() == [[8, *range(8)]]
        assert broken_order(listed) == []
