"""Rules against counting every pair of every basket, and against the mart's counts."""

import itertools
from collections import Counter
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.recommenders.association_rules import AssociationRules, AssociationRulesConfig

TASK = Task("recommend_tested", "main")


def shop(baskets: list[set[int]], n_items: int) -> Interactions:
    lines = [(f"b{b:03}", f"p{i:02}") for b, basket in enumerate(baskets) for i in sorted(basket)]
    rows = pl.DataFrame(lines, schema=["basket_id", "product_id"], orient="row")
    return Interactions.from_frames(
        pl.DataFrame({"product_id": [f"p{i:02}" for i in range(n_items)]}),
        rows.with_columns(at=datetime(2024, 1, 1)),
    )


def drawn(n_items: int) -> list[set[int]]:
    """Baskets of one to five products, some favourites, and three of nearly everything."""
    random = np.random.default_rng(6)
    small = [
        set(np.floor(n_items * random.random(random.integers(1, 6)) ** 2).astype(int).tolist())
        for _ in range(150)
    ]
    large = [set(random.permutation(n_items)[: n_items - 2].tolist()) for _ in range(3)]
    return small + large


def brute_force(baskets: list[set[int]], config: AssociationRulesConfig) -> dict:
    """{(i, j): (together, support, confidence, lift, score)} of every rule, unlimited."""
    n = len(baskets)
    single = Counter(i for basket in baskets for i in basket)
    pair = Counter(p for basket in baskets for p in itertools.permutations(basket, 2))
    looked_at = {
        p
        for basket in baskets
        if len(basket) <= config.max_basket_products
        for p in itertools.permutations(basket, 2)
    }
    rules = {}
    for i, j in looked_at:
        together = pair[i, j]
        confidence = together / single[i]
        lift = together * n / (single[i] * single[j])
        score = confidence if config.rank_by == "confidence" else confidence - single[j] / n
        if (
            together >= config.min_co_purchases
            and together * n > config.min_lift * single[i] * single[j]
            and confidence >= config.min_confidence
            and score > 0
        ):
            rules[i, j] = (together, together / n, confidence, lift, score)
    return rules


@pytest.mark.parametrize("rank_by", ["confidence", "added_value"])
@pytest.mark.parametrize(("least", "lift", "confidence"), [(1, 0, 0), (4, 1, 0), (2, 1.2, 0.2)])
@pytest.mark.parametrize("neighbours", [3, 100])
def test_rules_are_those_of_counting_every_basket(rank_by, least, lift, confidence, neighbours):
    n_items, baskets = 25, drawn(25)
    config = AssociationRulesConfig(
        rank_by=rank_by, min_co_purchases=least, min_lift=lift, min_confidence=confidence,
        neighbours=neighbours, max_basket_products=10,
    )  # fmt: skip
    rules = brute_force(baskets, config)
    assert len(rules) > 50
    model = AssociationRules(config).fit(shop(baskets, n_items), TASK)
    everything = np.arange(n_items)
    ranked = model.similar(everything, neighbours)
    told = model.explain(everything, ranked).iter_rows(named=True)
    for item in range(n_items):
        # scores are rounded to nine decimals, ties go to the smaller number
        own = sorted((-round(r[4], 9), j) for (i, j), r in rules.items() if i == item)[:neighbours]
        there = ranked.is_there[item]
        assert ranked.items[item][there].tolist() == [j for _, j in own]
        np.testing.assert_allclose(ranked.scores[item][there], [-score for score, _ in own])
        for _, j in own:
            row = next(told)
            together, support, sure, times, _ = rules[item, j]
            assert row["co_purchases"] == together
            assert row["support"] == pytest.approx(support, abs=1e-9)
            assert row["confidence"] == pytest.approx(sure, abs=1e-9)
            assert row["lift"] == pytest.approx(times, abs=1e-4)


def test_what_is_in_every_order_comes_last_by_added_value():
    # bag (0) is in all; ink (1) follows pen (2) three times of four, and is in 3 of 8
    baskets = [{0, 1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 2}, {0}, {0}, {0}, {0}]
    data = shop(baskets, 3)
    given = {"min_co_purchases": 1, "min_lift": 0}
    by_confidence = AssociationRules(AssociationRulesConfig(rank_by="confidence", **given))
    by_value = AssociationRules(AssociationRulesConfig(rank_by="added_value", **given))
    pen = np.array([2])
    assert by_confidence.fit(data, TASK).similar(pen, 2).items.tolist() == [[0, 1]]
    ranked = by_value.fit(data, TASK).similar(pen, 2)
    assert ranked.items.tolist() == [[1, -1]]  # the bag's lift is 1: it adds nothing
    assert ranked.scores[0, 0] == pytest.approx(3 / 4 - 3 / 8)
    told = by_value.explain(pen, ranked)
    assert told["sentence"][0] == (
        "Bought together in 3 of 4 orders, 2.0 times as often as by chance"
    )


def test_a_basket_is_answered_by_the_sum_of_its_rules():
    baskets = [{0, 2}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {1, 3}, {4}, {4}]
    config = AssociationRulesConfig(rank_by="confidence", min_co_purchases=1, min_lift=0)
    model = AssociationRules(config).fit(shop(baskets, 5), TASK)
    ranked = model.answer(shop([{0, 1}], 5).baskets, 4)
    # 2: 2/3 + 1/3, 3: 1/3 + 2/3, and the best seller 4 behind them
    assert ranked.items.tolist() == [[2, 3, 4, -1]]
    np.testing.assert_allclose(ranked.scores[0, :2], 1.0, atol=1e-5)
