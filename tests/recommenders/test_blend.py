"""Blends: normalising, adding up, nDCG of candidates, and finding planted weights."""

import numpy as np
from scipy import sparse

from ecorse.models.ranked import Ranked
from ecorse.recommenders.blend import (
    blended,
    gains_of,
    gather,
    learn_weights,
    normalised,
    wanted,
)

NONE = -1


def ranked(items: list[list[int]], scores: list[list[float]]) -> Ranked:
    return Ranked(np.array(items, dtype=np.int64), np.array(scores, dtype=np.float64))


FIRST = ranked([[2, 0, 5], [1, NONE, NONE]], [[9, 5, 1], [4, 0, 0]])
SECOND = ranked([[5, 1, NONE], [NONE, NONE, NONE]], [[3, 3, 0], [0, 0, 0]])


def test_scores_go_from_one_to_just_above_zero() -> None:
    n = normalised(FIRST, 6).toarray()
    sixth = 1 / 6  # half of a third
    np.testing.assert_allclose(n[0], [sixth + (1 - sixth) / 2, 0, 1, 0, 0, sixth])
    np.testing.assert_allclose(n[1], [0, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(normalised(SECOND, 6).toarray()[0], [0, 1, 0, 0, 0, 1])
    assert normalised(SECOND, 6)[1].nnz == 0


def test_a_blend_is_the_weighted_sum() -> None:
    parts = [normalised(FIRST, 6), normalised(SECOND, 6)]
    found = blended(parts, np.array([[0.5, 0.5], [0.25, 0.75]]), 4)
    assert found.items.tolist() == [[5, 1, 2, 0], [1, -1, -1, -1]]
    np.testing.assert_allclose(found.scores[0], [0.5 + 1 / 12, 0.5, 0.5, 0.5 * 7 / 12])
    assert found.scores[1, 0] == 0.25


def test_gains_are_those_of_the_judge() -> None:
    random = np.random.default_rng(2)
    n, n_items, k = 30, 50, 10
    made = []
    for _ in range(3):
        items = np.array([random.permutation(n_items)[:20] for _ in range(n)])
        scores = -np.sort(-np.round(random.random((n, 20)), 2), axis=1)
        order = np.lexsort((items, -scores), axis=1)
        made.append(
            Ranked(
                np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)
            )
        )
    parts = [normalised(one, n_items) for one in made]
    later = sparse.random(n, n_items, 0.1, "csr", rng=random)
    weights = np.array([0.5, 0.3, 0.2])
    candidates = gather(parts)
    gains = gains_of(candidates, wanted(candidates, later), np.diff(later.indptr), weights, k)
    lists = blended(parts, np.tile(weights, (n, 1)), k)
    for row, own in enumerate(lists.items):
        right = set(later[[row]].indices)
        gain = sum(1 / np.log2(r + 2) for r, item in enumerate(own) if item in right)
        ideal = sum(1 / np.log2(r + 2) for r in range(min(k, len(right))))
        assert abs(gains[row] - (gain / ideal if right else 0)) < 1e-6


def test_the_part_that_knows_gets_the_weight() -> None:
    random = np.random.default_rng(5)
    n, n_items = 200, 40
    later = sparse.random(n, n_items, 0.08, "csr", rng=random)
    truth = later.toarray() > 0

    def part(knowledge: float) -> sparse.csr_matrix:
        scores = random.random((n, n_items)) + knowledge * truth
        items = np.argsort(-scores, axis=1)[:, :20]
        return normalised(Ranked(items, np.take_along_axis(scores, items, axis=1)), n_items)

    candidates = gather([part(0.0), part(0.6), part(0.0)])
    is_wanted, sizes = wanted(candidates, later), np.diff(later.indptr)
    weights, reached = learn_weights(candidates, is_wanted, sizes, 10, seed=1)
    assert weights[1] > 0.6
    np.testing.assert_allclose(weights.sum(), 1)
    assert weights.min() >= 0
    alone = gains_of(candidates, is_wanted, sizes, np.array([0, 1.0, 0]), 10).mean()
    assert reached >= alone
    again = learn_weights(candidates, is_wanted, sizes, 10, seed=1)
    np.testing.assert_array_equal(again[0], weights)


def test_nobody_named_anything() -> None:
    nothing = sparse.csr_matrix((3, 5))
    candidates = gather([nothing, nothing])
    later = sparse.csr_matrix(np.ones((3, 5)))
    gains = gains_of(candidates, wanted(candidates, later), np.full(3, 5), np.array([0.5, 0.5]), 10)
    assert gains.tolist() == [0, 0, 0]
