"""Varied lists, worked out by hand and by a slow search; widths that are enough."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from ecorse.models.ranked import NOTHING, Ranked, broken_order
from ecorse.models.recommender_file import Diversity
from ecorse.recommenders import choosing as under_test
from ecorse.recommenders.choosing import Limits, Variety, choose


def test_the_like_of_what_is_listed_comes_later():
    # items 0 and 1 are described by the same word, item 2 by another, item 3 by nothing
    vectors = sparse.csr_matrix([[1.0, 0], [1, 0], [0, 1], [0, 0]])
    ranked = Ranked(np.array([[0, 1, 2, 3]]), np.array([[4.0, 3.6, 2.0, 0.4]]))
    variety = Variety(0.5, 4, vectors)
    chosen = choose(lambda rows, width: ranked, 1, 4, variety=variety)
    # 0: .5 * 1 + .5; then 2: .5 * .5 + .5 = .75, 3: .05 + .5 = .55, 1: .45 + .5 * (1 - 1) = .45
    assert chosen.own.items.tolist() == [[0, 2, 3, 1]]
    assert chosen.scores.tolist() == [pytest.approx([1.0, 0.75, 0.55, 0.45])]
    assert chosen.own.scores.tolist() == [[4.0, 2.0, 0.4, 3.6]]  # the model's own


def test_almost_all_relevance_is_the_models_order():
    ranked = Ranked(np.array([[2, 0, 1]]), np.array([[3.0, 2.0, 1.0]]))
    chosen = choose(
        lambda rows, width: ranked, 1, 2,
        variety=Variety(0.999, 3, sparse.csr_matrix(np.eye(3))),
    )  # fmt: skip
    assert chosen.own.items.tolist() == [[2, 0]]


def slowly(items, scores, vectors, relevance, k):
    """Maximal marginal relevance of one list as its definition reads."""
    worth = dict(zip(items, scores / max(scores), strict=True))
    listed: list[int] = []
    while worth.keys() - set(listed) and len(listed) < k:
        listed.append(
            max(
                sorted(worth.keys() - set(listed)),
                key=lambda i: round(
                    relevance * worth[i]
                    - (1 - relevance) * max([vectors[i] @ vectors[j] for j in listed], default=0),
                    12,
                ),
            )
        )
    return listed


@pytest.mark.parametrize("relevance", [0.3, 0.7, 0.9])
def test_lists_are_those_of_the_definition(relevance):
    random = np.random.default_rng(5)
    dense = random.random((50, 12)) * (random.random((50, 12)) < 0.4)
    lengths = np.linalg.norm(dense, axis=1, keepdims=True)
    dense = np.divide(dense, lengths, out=np.zeros_like(dense), where=lengths > 0)
    n, width, k = 60, 20, 8
    items = np.array([random.choice(50, width, replace=False) for _ in range(n)])
    scores = -np.sort(-random.random((n, width)), axis=1)
    items[3, 5:], scores[3, 5:] = NOTHING, 0.0
    variety = Variety(relevance, width, sparse.csr_matrix(dense))
    chosen = choose(lambda rows, wide: Ranked(items[rows], scores[rows]), n, k, variety=variety)
    for row in range(n):
        there = items[row] != NOTHING
        expected = slowly(items[row][there], scores[row][there], dense, relevance, k)
        found = chosen.own.items[row]
        assert found[found != NOTHING].tolist() == expected
    assert broken_order(chosen.shown) == []


def test_items_behind_the_width_are_asked_for_as_long_as_they_may_come_first():
    """Item 99 is the last of a hundred; boosted two hundred times it is the first."""
    n_items, k = 100, 3
    scores = np.arange(n_items, 0, -1.0)
    asked = []

    def ask(rows, width):
        asked.append(width)
        items = np.arange(min(width, n_items))
        found = np.full((len(rows), width), NOTHING)
        worth = np.zeros((len(rows), width))
        found[:, : items.size], worth[:, : items.size] = items, scores[items]
        return Ranked(found, worth)

    factors = np.ones(n_items)
    factors[99] = 200.0
    no_groups = np.full(n_items, NOTHING), np.empty(0, dtype=np.int64)
    limits = Limits(np.ones(n_items, dtype=bool), factors, *no_groups)
    chosen = choose(ask, 2, k, limits)
    assert chosen.own.items.tolist() == [[99, 0, 1]] * 2
    assert chosen.scores.tolist() == [[200, 100, 99]] * 2
    assert asked == [12, 48, 192]
    asked.clear()
    # a cap that eats the first fifty: not one list is short while others are left
    groups = np.where(np.arange(n_items) < 50, 0, NOTHING)
    limits = Limits(np.ones(n_items, dtype=bool), np.ones(n_items), groups, np.array([1]))
    assert choose(ask, 1, k, limits).own.items.tolist() == [[0, 50, 51]]
    assert asked == [12, 48, 192]


def test_lists_that_no_further_item_can_come_into_are_not_asked_for_again():
    """Four categories of at most two are eight products, whatever else the model could name."""
    n_items, asked = 400, []

    def ask(rows, width):
        asked.append((len(rows), width))
        items = np.arange(min(width, n_items))
        found = np.full((len(rows), width), NOTHING)
        worth = np.zeros((len(rows), width))
        found[:, : items.size], worth[:, : items.size] = items, n_items - items
        return Ranked(found, worth)

    def limits(factors):
        groups = np.arange(n_items) % 4
        return Limits(np.ones(n_items, dtype=bool), factors, groups, np.full(4, 2))

    chosen = choose(ask, 5, 10, limits(np.ones(n_items)))
    assert chosen.own.items.tolist() == [[*range(8), NOTHING, NOTHING]] * 5
    assert asked == [(5, 40)]
    # the last of category 3, boosted, takes the place of another of its own
    factors = np.ones(n_items)
    factors[399] = 1000.0
    items = choose(ask, 1, 10, limits(factors)).own.items
    assert items.tolist() == [[399, 0, 1, 2, 3, 4, 5, 6, NOTHING, NOTHING]]


def test_long_lists_are_asked_for_a_few_rows_at_once(monkeypatch):
    monkeypatch.setattr(under_test, "BLOCK_CELLS", 100)
    asked = []

    def ask(rows, width):
        asked.append((rows.tolist(), width))
        worth = np.tile(np.arange(width, 0, -1.0), (len(rows), 1))
        return Ranked(np.tile(np.arange(width), (len(rows), 1)) + rows[:, None], worth)

    groups = np.where(np.arange(1000) < 30, 0, NOTHING)  # a cap that eats the first thirty
    limits = Limits(np.ones(1000, dtype=bool), np.ones(1000), groups, np.array([1]))
    chosen = choose(ask, 4, 3, limits)
    assert chosen.own.items.tolist() == [[row, 30, 31] for row in range(4)]
    assert asked[0] == ([0, 1, 2, 3], 12)
    assert asked[1:] == [([0, 1], 48), ([2, 3], 48)]


def test_variety_of_described_products():
    names = ["usb cable", "usb cable long", "red phone", "red phone case"]
    items = pl.DataFrame({"product_id": list("abcd"), "product_name": names})
    assert Variety.of(None, items) is None
    variety = Variety.of(Diversity(relevance=0.8, candidates=10), items)
    cosines = (variety.vectors @ variety.vectors.T).toarray()
    assert cosines[0, 1] == pytest.approx(1)  # words of one product say nothing
    assert cosines[0, 2] == 0
    # in other numbers: what left is described by nothing
    moved = variety.numbered(np.array([1, NOTHING, 0])).vectors.toarray()
    assert (moved[0] == variety.vectors.toarray()[1]).all()
    assert not moved[1].any()
