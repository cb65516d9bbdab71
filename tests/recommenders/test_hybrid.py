"""The hybrid: windows without a leak, weights by kind of list, and which of them a list goes by."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ecorse import declared
from ecorse.evaluate.origins import last_window
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import broken_order
from ecorse.recommenders.hybrid import Hybrid

TASK = Task("recommend_tested", "main", seed=1)
START = datetime(2024, 1, 1)
OWN, POPULAR = 0, 1


def shop(days: int = 200) -> Interactions:
    """Thirty customers who buy two products of their own again and again, and once the hit: half of
    them early, half of them in the end."""
    rows = [
        (f"c{customer:02}", f"p{2 * customer + number:02}", START + timedelta(days=day))
        for customer in range(30)
        for number in range(2)
        for day in range(customer % 7, days, 20)
    ]
    rows += [
        (f"c{customer:02}", "the hit", START + timedelta(days=1 if customer % 2 else days - 2))
        for customer in range(30)
    ]
    frame = pl.DataFrame(rows, schema=["customer_id", "product_id", "at"], orient="row")
    frame = frame.with_columns(basket_id=pl.format("{}-{}", "customer_id", "at"))
    return Interactions.from_frames(frame.select("product_id").unique(), frame)


@pytest.fixture(scope="module")
def fitted() -> Hybrid:
    said = {"parts": {"own": {"class": "buy_again"}, "popular": {"class": "popular"}}}
    return Hybrid(declared.check(said, Hybrid.config_class, "test")).fit(shop(), TASK)


def test_the_window_and_what_came_before_share_no_row():
    data = shop()
    earlier, later = last_window(data, 28)
    cut = data.rows["at"].max() - timedelta(days=28)
    assert earlier.rows["at"].max() <= cut < later.rows["at"].min()
    assert earlier.rows.height + later.rows.height == data.rows.height
    assert min(earlier.rows.height, later.rows.height) > 0


def test_of_a_short_history_the_window_is_a_third():
    data = shop(days=30)
    span = data.rows["at"].max() - data.rows["at"].min()
    _, later = last_window(data, 28)
    assert later.rows["at"].min() > data.rows["at"].max() - span / 3


def test_each_kind_of_list_goes_by_its_own_weights(fitted):
    # of what is new the part that names only own says nothing
    assert (fitted.weights["for_you"][:, OWN] > 0.5).all()
    assert (fitted.weights["explore"][:, OWN] == 0).all()
    assert (fitted.weights["explore"][:, POPULAR] == 1).all()
    data = shop()
    users = np.arange(30)
    for_you = fitted.recommend(users, 2).as_matrix(61) > 0
    assert for_you.multiply(data.matrix > 0).nnz == 60  # both places are what they had
    explore = fitted.recommend(users, 2, seen=data.matrix).as_matrix(61) > 0
    assert (explore.multiply(data.matrix > 0).nnz, explore.nnz) == (0, 60)


def test_a_list_is_the_first_part_of_every_longer_one():
    """Also of one that is longer than all that the parts name at first."""
    data = shop()
    said = {
        "parts": {"knn": {"class": "item_knn"}, "popular": {"class": "popular"}},
        "candidates": 4,
    }
    model = Hybrid(declared.check(said, Hybrid.config_class, "test")).fit(data, TASK)
    users = np.arange(30)
    asked = {
        "for_you": lambda k: model.recommend(users, k),
        "explore": lambda k: model.recommend(users, k, seen=data.matrix),
        "basket": lambda k: model.answer(data.matrix[users], k),
    }
    for kind, ask in asked.items():
        longest = ask(61)
        assert (longest.is_there.sum(axis=1) > 50).all(), kind  # popular names what nobody had
        assert broken_order(longest, n_items=61) == []
        assert (longest.parts.sum(axis=2)[longest.is_there] > 0).all()
        for k in (1, 3, 4, 5, 9, 17, 40):
            shorter = ask(k)
            np.testing.assert_array_equal(
                shorter.items, longest.items[:, :k], err_msg=f"{kind} {k}"
            )
            np.testing.assert_array_equal(shorter.scores, longest.scores[:, :k])


def test_the_trend_is_recent_sales_over_the_best_sellers() -> None:
    days = [("a", "old", 0), ("a", "new", 28), ("b", "new", 28)]
    frame = pl.DataFrame(
        {
            "customer_id": [customer for customer, _, _ in days],
            "product_id": [product for _, product, _ in days],
            "at": [START + timedelta(days=day) for _, _, day in days],
            "basket_id": ["1", "2", "3"],
        }
    )
    products = pl.DataFrame({"product_id": ["old", "new", "never sold"]})
    data = Interactions.from_frames(products, frame)
    said = {
        "parts": {"popular": {"class": "popular"}},
        "trend_half_life_days": 7,
        "trend_power": 0.5,
    }
    model = Hybrid(declared.check(said, Hybrid.config_class, "test")).fit(data, TASK)
    trend = dict(zip(data.items["product_id"], model.trend, strict=True))
    # old: 0.5^(28/7) of one sale beside two, to the power of a half
    assert trend["new"] == 1
    assert trend["old"] == pytest.approx((0.0625 / 2) ** 0.5)
    assert trend["never sold"] == pytest.approx((1 + trend["old"]) / 2)
    # both have the normalised score of their share of orders, 1 and the floor of two items, 1/4
    ranked = model.recommend(np.arange(2), 3)
    assert ranked.scores[0, :2] == pytest.approx([1, 0.25 * trend["old"]])
