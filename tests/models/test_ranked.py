"""Picking the best k: by hand, with ties, and the dense way against the sparse one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from ecorse.models.ranked import NOTHING, Ranked, broken_order, top_k, top_k_sparse

SCORES = np.array([[0.5, 0.9, 0.5, 0.0], [0.0, 0.0, 0.2, -1.0]])


def ranked(items, scores) -> Ranked:
    return Ranked(np.array(items, dtype=np.int64), np.array(scores, dtype=float))


@pytest.mark.parametrize(
    "pick", [top_k, lambda scores, k, **more: top_k_sparse(sparse.csr_matrix(scores), k, **more)]
)
class TestBothWays:
    def test_best_first_ties_by_number_and_nothing_for_scores_of_zero_and_less(self, pick):
        found = pick(SCORES, 3)
        assert found.items.tolist() == [[1, 0, 2], [2, NOTHING, NOTHING]]
        assert found.scores.tolist() == [[0.9, 0.5, 0.5], [0.2, 0.0, 0.0]]

    def test_a_tie_at_the_last_place_goes_to_the_smaller_number(self, pick):
        assert pick(SCORES, 2).items[0].tolist() == [1, 0]

    def test_more_places_than_items_stay_empty(self, pick):
        assert pick(SCORES, 6).items[0].tolist() == [1, 0, 2, *[NOTHING] * 3]

    def test_what_was_seen_is_not_given(self, pick):
        seen = sparse.csr_matrix([[0, 1, 0, 0], [0, 0, 1, 0]])
        found = pick(SCORES, 3, seen=seen)
        assert found.items.tolist() == [[0, 2, NOTHING], [NOTHING] * 3]

    def test_no_rows_and_no_items(self, pick):
        assert pick(np.zeros((0, 4)), 2).items.shape == (0, 2)
        assert pick(np.zeros((2, 0)), 2).items.tolist() == [[NOTHING] * 2] * 2


def test_only_some_items_may_be_given():
    assert top_k(SCORES, 2, among=np.array([2, 3])).items.tolist() == [[2, NOTHING], [2, NOTHING]]


def test_scores_are_not_changed_by_asking():
    scores = SCORES.copy()
    top_k(scores, 2, among=np.array([2]), seen=sparse.csr_matrix(np.eye(2, 4)))
    np.testing.assert_array_equal(scores, SCORES)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=5, max_size=5),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 7),
)
def test_equals_a_plain_sort(rows, k):
    scores = np.array(rows)
    expected = [
        sorted((i for i in range(5) if row[i] > 0), key=lambda i: (-row[i], i))[:k] for row in rows
    ]
    for found in (top_k(scores, k), top_k_sparse(sparse.csr_matrix(scores), k)):
        assert [[i for i in items if i != NOTHING] for items in found.items.tolist()] == expected
        assert broken_order(found) == []


def test_lists_from_pairs_and_back_to_a_matrix():
    made = Ranked.from_pairs(
        np.array([0, 0, 2]), np.array([3, 1, 0]), np.array([0.9, 0.4, 0.7]), n=3, k=2
    )
    assert made.items.tolist() == [[3, 1], [NOTHING] * 2, [0, NOTHING]]
    assert made.as_matrix(4).toarray().tolist() == [
        [0, 0.4, 0, 0.9],
        [0, 0, 0, 0],
        [0.7, 0, 0, 0],
    ]


def test_items_and_scores_must_have_one_shape():
    with pytest.raises(ValueError, match="one shape"):
        Ranked(np.zeros((2, 3), dtype=np.int64), np.zeros((2, 2)))


def test_right_lists_break_no_rule():
    right = ranked([[2, 0], [1, NOTHING]], [[0.5, 0.5], [1.0, 0.0]])
    # the tie of the first list is out of order: 2 stands before 0
    assert broken_order(right) == ["equal scores are out of order"]
    right = ranked([[0, 2], [1, NOTHING]], [[0.5, 0.5], [1.0, 0.0]])
    assert broken_order(right, own=np.array([1, 0]), n_items=3) == []


@pytest.mark.parametrize(
    ("items", "scores", "rule"),
    [
        ([[NOTHING, 1]], [[0.0, 0.5]], "a list has gaps"),
        ([[1, 2]], [[0.5, -0.1]], "a score is missing or below 0"),
        ([[1, 2]], [[0.5, np.nan]], "a score is missing or below 0"),
        ([[1, 2]], [[np.inf, 0.5]], "a score is infinite"),
        ([[3, 2]], [[0.6, 0.5]], "an item does not exist"),
        ([[-2, 2]], [[0.6, 0.5]], "an item does not exist"),
        ([[1, 2]], [[0.4, 0.5]], "scores are out of order"),
        ([[2, 1]], [[0.5, 0.5]], "equal scores are out of order"),
        ([[1, 2, 1]], [[0.5, 0.4, 0.3]], "an item appears twice in a list"),
        ([[1, 0]], [[0.5, 0.4]], "a product is its own neighbour"),
        ([[1, 2]], [[1.5, 0.4]], "a score is above 1"),
    ],
)
def test_each_broken_rule_is_named(items, scores, rule):
    assert rule in broken_order(ranked(items, scores), own=np.array([0]), n_items=3)


def test_empty_places_are_no_doubles():
    assert broken_order(ranked([[NOTHING] * 3], [[0.0] * 3]), own=np.array([0])) == []
