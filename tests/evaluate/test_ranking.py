"""Figures of recommenders, each worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import sparse

from ecorse.evaluate.ranking import Score, hit_rate, is_among, share_score
from ecorse.models.ranked import Ranked, top_k


def naming(*items: int):
    """A recommender that gives everybody the same items, without what the basket holds."""
    scores = np.zeros(6)
    scores[list(items)] = np.arange(len(items), 0, -1)

    def answer(baskets, k) -> Ranked:
        return top_k(np.tile(scores, (baskets.shape[0], 1)), k, seen=baskets)

    return answer


BASKETS = sparse.csr_matrix(
    np.array([[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0]], dtype=np.int32)
)


def test_hit_rate_by_hand():
    # 0 named beside {1}: hit; 1 beside {0}: hit; 0 beside {2} and beside {3}: misses
    found = hit_rate(naming(0, 1, 2, 3), BASKETS, 1, 100)
    assert (found.value, found.cases) == (0.5, 4)
    assert (found.metric, found.slice, found.is_primary) == ("hit_rate_at_1", "baskets", True)
    assert found.standard_error == pytest.approx(math.sqrt(0.5 * 0.5 / 4))
    # of three each: beside {2} come 0, 1 and 3, beside {3} come 0, 1 and 2
    assert hit_rate(naming(0, 1, 2, 3), BASKETS, 3, 100).value == 1.0


def test_what_is_hidden_is_not_shown():
    shown = []

    def answer(baskets, k):
        shown.extend(baskets.toarray().tolist())
        return naming(5)(baskets, k)

    assert hit_rate(answer, BASKETS, 1, 100).value == 0.0
    assert sorted(np.flatnonzero(row).tolist() for row in shown) == [[0], [1], [2], [3]]


def test_a_basket_of_one_makes_no_case():
    found = hit_rate(naming(0), BASKETS[2:], 1, 100)
    assert (found.value, found.cases, found.low, found.high) == (None, 0, None, None)


def test_cases_are_spread_evenly_over_all_baskets():
    # 1000 baskets of 0 and 1 come first, 1000 of 2 and 3 later; who names 0 and 1 is right in half
    block = np.repeat([[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0]], 1000, axis=0).astype(np.int32)
    found = hit_rate(naming(0, 1), sparse.csr_matrix(block), 1, 700)
    assert found.cases == 700
    assert found.value == pytest.approx(0.5, abs=0.01)


def test_wilson_interval_by_hand():
    # z = 1.959964, z^2 = 3.841459: (0.5 + 0.480182) / 1.960365 = 0.5, reach
    # 1.959964 / 1.960365 * sqrt(0.0625 + 0.060023) = 0.349962
    score = share_score("baskets", "m", 2, 4)
    assert (score.low, score.high) == (
        pytest.approx(0.150038, abs=1e-5),
        pytest.approx(0.849962, abs=1e-5),
    )
    all_right = share_score("baskets", "m", 4, 4)
    assert (all_right.value, all_right.high) == (1.0, 1.0)
    assert all_right.low == pytest.approx(1 / (1 + 3.841459 / 4), abs=1e-6)
    assert share_score("baskets", "m", 0, 4).low == 0.0


def test_no_cases_no_standard_error():
    assert Score("all", "m", None).standard_error == 0.0


def test_the_place_behind_a_list_is_no_hit_of_the_row_before():
    wanted = sparse.csr_matrix([[0, 0, 1], [1, 0, 0]])
    assert is_among(np.array([[2, -1], [-1, -1]]), wanted).tolist() == [
        [True, False],
        [False, False],
    ]
