"""Several recommenders' lists as one: weights over normalised scores, learned on later purchases.

What belongs here: normalising, adding up, and finding weights. What does not: which recommenders,
and how history parts customers (``hybrid``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ecorse.models.ranked import Csr, Floats, Ids, Ranked, top_k, top_k_sparse

DRAWS, STEPS = 50, 30


@dataclass(frozen=True)
class Candidates:
    """What the parts named for some customers, one row per customer.

    Attributes
    ----------
    items
        ``(n, width)`` item numbers, ascending; behind the last a number beyond all items.
    scores
        ``(n, width, parts)`` each part's normalised score, 0 to 1; 0 where it named another item.
    """

    items: Ids
    scores: npt.NDArray[np.float32]

    def of(self, rows: npt.NDArray[np.bool_]) -> Candidates:
        """Those of some customers."""
        return Candidates(self.items[rows], self.scores[rows])


def normalised(ranked: Ranked, n_items: int) -> Csr:
    """``(n, n_items)`` scores of each row's list from 1 for the best down to just above 0.

    ``(s - l) / (m - l)`` for the best score m of the row and the least l, which itself gets half of
    the step from 0 to the next: it was named, too. A list of one item, or of equal scores, has 1.
    """
    there = ranked.is_there
    best = ranked.scores.max(axis=1, initial=0.0, keepdims=True)
    least = np.where(there, ranked.scores, np.inf).min(axis=1, initial=np.inf, keepdims=True)
    least[~np.isfinite(least)] = 0.0
    span = best - least
    floor = 0.5 / np.maximum(there.sum(axis=1, keepdims=True), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(span > 0, floor + (1 - floor) * (ranked.scores - least) / span, 1.0)
    return Ranked(ranked.items, np.where(there, scaled, 0.0)).as_matrix(n_items)


def blended(parts: Sequence[Csr], weights: npt.NDArray[np.floating], k: int) -> Ranked:
    """The ``k`` best by the weighted sum of normalised scores, with what each part adds.

    Parameters
    ----------
    parts
        ``(n, n_items)`` each.
    weights
        ``(n, parts)``: a row's own.
    """
    added = [
        sparse.csr_matrix(
            (part.data * np.repeat(own, np.diff(part.indptr)), part.indices, part.indptr),
            shape=part.shape,
        )
        for part, own in zip(parts, weights.T, strict=True)
    ]
    total = sparse.csr_matrix(parts[0].shape)
    for part in added:
        total = total + part
    ranked = top_k_sparse(sparse.csr_matrix(total), k)
    return replace(ranked, parts=np.stack([_values_at(part, ranked) for part in added], axis=2))


def _values_at(matrix: Csr, ranked: Ranked) -> npt.NDArray[np.float32]:
    """``(n, k)``: what the matrix stores at each place of the lists; 0 where it stores nothing."""
    n_items = np.int64(matrix.shape[1])
    matrix = matrix.sorted_indices()  # its arrays may be another's, too
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    keys = rows * n_items + matrix.indices
    asked = np.arange(len(ranked.items))[:, None] * n_items + ranked.items
    place = np.minimum(np.searchsorted(keys, asked), max(0, len(keys) - 1))
    values = np.zeros(ranked.items.shape, dtype=np.float32)
    if len(keys):
        is_stored = (keys[place] == asked) & ranked.is_there
        values[is_stored] = matrix.data[place[is_stored]]
    return values


def gather(parts: Sequence[Csr]) -> Candidates:
    """The union of what the parts named, with each part's score."""
    union = sparse.csr_matrix(sum(part.astype(bool).astype(np.int32) for part in parts))
    union.sort_indices()
    n, n_items = union.shape
    sizes = np.diff(union.indptr)
    width = int(sizes.max(initial=0))
    items = np.full((n, width), n_items, dtype=np.int64)
    rows = np.repeat(np.arange(n), sizes)
    items[rows, np.arange(union.nnz) - union.indptr[:-1][rows]] = union.indices
    scores = np.zeros((n, width, len(parts)), dtype=np.float32)
    keys = rows * np.int64(n_items) + union.indices
    for number, part in enumerate(parts):
        own = sparse.coo_matrix(part)
        place = np.searchsorted(keys, own.row * np.int64(n_items) + own.col)
        row = rows[place]
        scores[row, place - union.indptr[:-1][row], number] = own.data
    return Candidates(items, scores)


def gains_of(
    candidates: Candidates, is_wanted: npt.NDArray[np.bool_], sizes: Ids,
    weights: npt.NDArray[np.floating], k: int,
) -> Floats:  # fmt: skip
    """nDCG at ``k`` of each row under one set of ``weights`` ``(parts,)``.

    Parameters
    ----------
    is_wanted
        ``(n, width)``: whether a candidate was bought later.
    sizes
        ``(n,)`` how many products were bought later, candidates or not.
    """
    n, width = candidates.items.shape
    if not width:
        return np.zeros(n)
    # candidates come by number: ties go to the smaller
    best = top_k(candidates.scores @ weights.astype(np.float32), k)
    is_hit = best.is_there & np.take_along_axis(is_wanted, np.maximum(best.items, 0), axis=1)
    discount = 1 / np.log2(np.arange(k) + 2)
    ideal = np.concatenate([[0.0], np.cumsum(discount)])
    gained: Floats = (is_hit * discount).sum(axis=1)
    shares: Floats = gained / np.maximum(ideal[np.minimum(sizes, k)], 1e-12)
    return shares


def wanted(candidates: Candidates, later: Csr) -> npt.NDArray[np.bool_]:
    """``(n, width)``: whether a row's later purchases hold the candidate."""
    n_items = later.shape[1]
    rows = np.repeat(np.arange(later.shape[0]), np.diff(later.indptr))
    keys = np.sort(rows * np.int64(n_items + 1) + later.indices)
    asked = np.arange(len(candidates.items))[:, None] * np.int64(n_items + 1) + candidates.items
    place = np.minimum(np.searchsorted(keys, asked), max(0, len(keys) - 1))
    return keys[place] == asked if len(keys) else np.zeros(asked.shape, dtype=bool)


def learn_weights(
    candidates: Candidates, is_wanted: npt.NDArray[np.bool_], sizes: Ids, k: int, seed: int
) -> tuple[Floats, float]:
    """Weights ``(parts,)``, not negative and of sum 1, of the largest mean nDCG that was found.

    Each part alone, all alike, ``DRAWS`` from the flat Dirichlet distribution, then ``STEPS`` from
    the best, each drawn from a Dirichlet around it that narrows; the first of equals stays.
    """
    parts = candidates.scores.shape[2]
    random = np.random.default_rng(seed)
    tried = [*np.eye(parts), np.full(parts, 1 / parts), *random.dirichlet(np.ones(parts), DRAWS)]

    def worth(weights: Floats) -> float:
        return float(gains_of(candidates, is_wanted, sizes, weights, k).mean())

    best, reached = tried[0], -1.0
    for weights in tried:
        if (found := worth(weights)) > reached:
            best, reached = weights, found
    for step in range(STEPS):
        narrow = 20.0 * (1 + step)
        weights = random.dirichlet(narrow * best + 0.2)
        if (found := worth(weights)) > reached:
            best, reached = weights, found
    return best, reached
