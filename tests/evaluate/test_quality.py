"""What lists are like: by hand, as a published library says, and by a loop over pairs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from ecorse.evaluate.quality import (
    average_popularity,
    best_seller_share,
    coverage,
    diversity,
    full_share,
    gini,
    list_quality,
    novelty,
)
from ecorse.models.ranked import Ranked

PUBLISHED = json.loads((Path(__file__).parents[1] / "fixtures/ranking/published.json").read_text())
LISTS = np.array([[0, 1, 2], [1, 3, -1], [-1, -1, -1]])
POPULARITY = np.array([8, 4, 2, 0])


def as_ranked(lists) -> Ranked:
    items = np.full((len(lists), max(map(len, lists))), -1, dtype=np.int64)
    for number, each in enumerate(lists):
        items[number, : len(each)] = each
    return Ranked(items, np.where(items >= 0, 1.0, 0.0))


def test_novelty_by_hand():
    # of 16: 1, 2 and 3 bits; 2 and (nobody counts as one) 4 bits; the empty list is none
    assert novelty(LISTS, POPULARITY, 16) == pytest.approx((2 + 3) / 2)


def test_average_popularity_by_hand():
    assert average_popularity(LISTS, POPULARITY) == pytest.approx((14 / 3 + 4 / 2) / 2)


def test_best_sellers_by_hand():
    # products 0 to 99 are the best hundred of 120, ties by number
    counts = np.array([9] * 50 + [5] * 70)
    lists = np.array([[0, 99, 100, 119], [100, 101, -1, -1]])
    assert best_seller_share(lists, counts) == pytest.approx((2 / 4 + 0) / 2)
    # what nobody bought is no best seller, however few sell
    assert best_seller_share(LISTS, POPULARITY) == pytest.approx((1 + 1 / 2) / 2)


def test_exposure_by_hand():
    assert coverage(np.array([3, 0, 1, 0])) == 0.5
    assert gini(np.array([2, 2, 2])) == 0
    # one of four has all: sorted 0 0 0 4, places -3 -1 1 3: 12 / 16
    assert gini(np.array([0, 4, 0, 0])) == 0.75
    # 1 and 3: places -1 and 1: 2 / 8
    assert gini(np.array([3, 1])) == 0.25


def test_full_lists_by_hand():
    assert full_share(LISTS, np.array([3, 3, 3])) == pytest.approx(1 / 3)
    assert full_share(LISTS, np.array([3, 2, 0])) == 1.0


def test_diversity_by_hand():
    # cosines of 0, 1, 2: 0, 1 / sqrt(2), 1 / sqrt(2); 3 has no word
    content = sparse.csr_matrix([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0], [0.0, 0.0]])
    assert diversity(LISTS[:1], content) == pytest.approx(1 - math.sqrt(2) / 3)
    # a list with one known product has no pair
    assert diversity(LISTS[:2], content) == pytest.approx(1 - math.sqrt(2) / 3)
    assert diversity(LISTS[1:], content) is None
    assert diversity(np.array([[0, 1]]), content) == 1.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_diversity_by_a_loop_over_pairs(seed):
    random = np.random.default_rng(seed)
    content = random.integers(0, 3, (9, 4)).astype(float)
    lists = [random.permutation(9)[: random.integers(0, 6)].tolist() for _ in range(7)]
    expected = []
    for each in lists:
        known = [item for item in each if content[item].any()]
        pairs = [(a, b) for a in known for b in known if a < b]
        distances = [
            1 - content[a] @ content[b] / np.linalg.norm(content[a]) / np.linalg.norm(content[b])
            for a, b in pairs
        ]
        if distances:
            expected.append(np.mean(distances))
    found = diversity(as_ranked([*lists, [0]]).items, sparse.csr_matrix(content))
    assert found == (pytest.approx(np.mean(expected)) if expected else None)


@pytest.mark.parametrize("k", [5, 10])
def test_definitions_equal_those_of_a_published_library(k):
    had = np.concatenate([np.array(items) for items in PUBLISHED["had"]]).astype(int)
    found = list_quality(
        as_ranked(PUBLISHED["lists"]),
        k,
        popularity=np.bincount(had, minlength=PUBLISHED["n_items"]),
        buyers=PUBLISHED["buyers"],
        content=sparse.csr_matrix(np.array(PUBLISHED["content"], dtype=float)),
    ).figures
    for name in ("novelty", "popularity", "coverage", "diversity"):
        assert found[name] == pytest.approx(PUBLISHED["found"][f"{name}_at_{k}"], abs=1e-9), name


def test_all_figures_of_a_catalogue():
    found = list_quality(
        as_ranked([[0, 1], [1]]), 2, popularity=POPULARITY, buyers=16, among=np.array([0, 1, 2])
    )
    assert (found.k, found.lists) == (2, 2)
    assert found.figures == {
        "coverage": pytest.approx(2 / 3),
        "novelty": pytest.approx((1.5 + 2) / 2),
        "diversity": None,
        "popularity": pytest.approx((6 + 4) / 2),
        "best_seller_share": 1.0,
        "gini": pytest.approx((-2 * 0 + 0 * 1 + 2 * 2) / (3 * 3)),
        "full_share": 0.5,
    }


def test_a_list_is_full_with_all_it_can_have():
    def full(lists, **more):
        return list_quality(as_ranked(lists), 3, popularity=POPULARITY, buyers=16, **more).figures[
            "full_share"
        ]

    assert full([[0, 1], [2]], possible=np.array([2, 1])) == 1.0
    assert full([[0, 1], [2]], among=np.array([0, 1, 2])) == 0.0
    assert full([[0, 1]], among=np.array([0, 1])) == 1.0


def test_lists_outside_the_catalogue_are_refused():
    with pytest.raises(ValueError, match="not in the catalogue"):
        list_quality(as_ranked([[3]]), 1, popularity=POPULARITY, buyers=16, among=np.array([0]))
    with pytest.raises(ValueError, match="twice"):
        list_quality(as_ranked([[3, 3]]), 2, popularity=POPULARITY, buyers=16)


def test_without_a_list_nothing_is_told():
    nothing = Ranked(np.empty((0, 3), dtype=np.int64), np.empty((0, 3)))
    content = sparse.csr_matrix(np.eye(4))
    found = list_quality(nothing, 3, popularity=POPULARITY, buyers=16, content=content).figures
    assert found.pop("coverage") == 0.0
    assert set(found.values()) == {None}
