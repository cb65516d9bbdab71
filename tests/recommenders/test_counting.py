"""Co-purchases counted in blocks and threads, against counting all pairs at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from ecorse.recommenders.counting import BasketCounts, choose_top, top_co_purchases


@pytest.mark.parametrize("max_lines", [1, 7, 100, 10**6])
@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_and_threads_do_not_change_the_neighbours(max_lines, threads):
    rng = np.random.default_rng(3)
    dense = (rng.random((200, 30)) < 0.1).astype(np.int32)
    found = top_co_purchases(sparse.csr_matrix(dense), 5, threads, max_lines)
    counts = dense.T @ dense
    sizes = counts.diagonal()
    expected = []
    for i in range(30):
        cosines = [
            (-round(counts[i, j] / np.sqrt(sizes[i] * sizes[j]), 9), j)
            for j in range(30)
            if j != i and counts[i, j]
        ]
        expected += [(i, j, rank, -s) for rank, (s, j) in enumerate(sorted(cosines)[:5], 1)]
    rows = zip(found.rows, found.cols, found.ranks, found.scores, strict=True)
    assert [row[:3] for row in expected] == [tuple(map(int, row[:3])) for row in rows]
    assert found.scores == pytest.approx([row[3] for row in expected], abs=1e-9)


def test_blocks_cover_every_item_once():
    rng = np.random.default_rng(3)
    counts = BasketCounts(sparse.csr_matrix((rng.random((200, 30)) < 0.1).astype(np.int32)))
    for max_lines in (1, 50, 10**6):
        blocks = counts.blocks(max_lines)
        assert [item for start, end in blocks for item in range(start, end)] == list(range(30))


def test_scores_are_rounded_before_they_are_compared():
    # they differ in the tenth decimal: equal, so that the smaller number comes first
    rows, cols = np.array([0, 0, 0]), np.array([2, 1, 0])
    chosen = choose_top(rows, cols, np.array([0.5 + 4e-10, 0.5, 0.0]), 3, 3)
    assert (chosen.cols.tolist(), chosen.scores.tolist()) == ([1, 2], [0.5, 0.5])
    assert chosen.ranks.tolist() == [1, 2]
