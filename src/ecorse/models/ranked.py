"""Ranked lists as arrays: the answer of every recommender, and the one way of picking a top k.

What belongs here: the shape of an answer and exact, repeatable selection. What does not: scoring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Csr: TypeAlias = sparse.csr_matrix
NOTHING = -1
BLOCK_CELLS = 4_000_000  # dense scores that one block holds: 32 MB


@dataclass(frozen=True)
class Ranked:
    """Items by falling score, one row per question.

    Attributes
    ----------
    items
        ``(n, k)`` item numbers, ties by item number; -1 behind the last of a shorter list.
    scores
        ``(n, k)`` float64, 0 behind the last.
    parts
        ``(n, k, parts)`` of a blend: what each part adds to the score; ``None`` of others.
    """

    items: Ids
    scores: Floats
    parts: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.items.shape != self.scores.shape or self.items.ndim != 2:
            raise ValueError(
                f"items and scores must have one shape (n, k), got {self.items.shape} and "
                f"{self.scores.shape}"
            )

    @property
    def is_there(self) -> npt.NDArray[np.bool_]:
        """``(n, k)``: whether there is an item at this rank."""
        there: npt.NDArray[np.bool_] = self.items != NOTHING
        return there

    def where(self, stays: npt.NDArray[np.bool_]) -> Ranked:
        """The same lists with only what ``stays`` ``(n, k)``; nothing in the other places."""
        return Ranked(np.where(stays, self.items, NOTHING), np.where(stays, self.scores, 0.0))

    def as_matrix(self, n_items: int) -> Csr:
        """The lists as a sparse ``(n, n_items)`` matrix of scores."""
        there = self.is_there
        indptr = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        return sparse.csr_matrix(
            (self.scores[there], self.items[there], indptr), shape=(len(self.items), n_items)
        )

    @classmethod
    def from_pairs(cls, rows: Ids, items: Ids, scores: Floats, n: int, k: int) -> Ranked:
        """Lists from parallel arrays that come by row and then by rank, at most ``k`` a row."""
        starts = np.searchsorted(rows, np.arange(n))
        ranks = np.arange(len(rows)) - starts[rows]
        ranked = np.full((n, k), NOTHING, dtype=np.int64)
        valued = np.zeros((n, k))
        ranked[rows, ranks] = items
        valued[rows, ranks] = scores
        return cls(ranked, valued)


def first_of(ranked: Ranked, k: int) -> Ranked:
    """The first ``k`` places of each list, copied: the rest need not be held for them."""
    parts = None if ranked.parts is None else ranked.parts[:, :k].copy()
    return Ranked(ranked.items[:, :k].copy(), ranked.scores[:, :k].copy(), parts)


def rows_of(ranked: Ranked, rows: Ids) -> Ranked:
    """These lists."""
    parts = None if ranked.parts is None else ranked.parts[rows]
    return Ranked(ranked.items[rows], ranked.scores[rows], parts)


def taken(ranked: Ranked, places: Ids) -> Ranked:
    """The lists with only these ``places`` ``(n, k)``, in this order; -1 for nothing."""
    parts = None
    if ranked.parts is not None:
        parts = np.take_along_axis(ranked.parts, np.maximum(places, 0)[:, :, None], axis=1)
        parts = np.where((places == NOTHING)[:, :, None], np.float32(0), parts)
    items = np.take_along_axis(ranked.items, np.maximum(places, 0), axis=1)
    scores = values_at(ranked.scores, places)
    return Ranked(np.where(places == NOTHING, NOTHING, items), scores, parts)


def values_at(values: Floats, places: Ids) -> Floats:
    """``(n, k)``: each row's values at its ``places``; 0 at ``NOTHING``."""
    found = np.take_along_axis(values, np.maximum(places, 0), axis=1)
    return np.where(places == NOTHING, 0.0, found)


def joined(found: Sequence[Ranked]) -> Ranked:
    """Lists of one width below each other."""
    parts = [one.parts for one in found if one.parts is not None]
    return Ranked(
        np.concatenate([one.items for one in found]),
        np.concatenate([one.scores for one in found]),
        np.concatenate(parts) if len(parts) == len(found) else None,
    )


def top_k_sparse(scores: Csr, k: int, *, seen: Csr | None = None) -> Ranked:
    """``top_k`` for sparse scores ``(n, n_items)``, at the cost of what is stored."""
    n, n_items = scores.shape
    rows = np.repeat(np.arange(n, dtype=np.int64), np.diff(scores.indptr))
    items, values = scores.indices.astype(np.int64), scores.data.astype(np.float64)
    is_kept = values > 0
    if seen is not None and seen.nnz:
        seen_rows = np.repeat(np.arange(n, dtype=np.int64), np.diff(seen.indptr))
        is_kept &= ~np.isin(rows * n_items + items, seen_rows * n_items + seen.indices)
    rows, items, values = rows[is_kept], items[is_kept], values[is_kept]
    order = np.lexsort((items, -values, rows))
    rows, items, values = rows[order], items[order], values[order]
    ranks = np.arange(len(rows)) - np.searchsorted(rows, np.arange(n))[rows]
    best = ranks < k
    return Ranked.from_pairs(rows[best], items[best], values[best], n, k)


def stored_at(matrix: Csr, rows: Ids, items: Ids) -> npt.NDArray[np.bool_]:
    """Whether the matrix stores anything above 0 at each place; never at ``NOTHING``."""
    n_items = np.int64(matrix.shape[1])
    keys = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * n_items + matrix.indices
    keys = np.sort(keys[matrix.data > 0])
    asked = rows * n_items + items
    place = np.minimum(np.searchsorted(keys, asked), max(0, len(keys) - 1))
    if not len(keys):
        return np.zeros(asked.shape, dtype=bool)
    found: npt.NDArray[np.bool_] = (keys[place] == asked) & (items != NOTHING)
    return found


def stored_in_either(one: Csr | None, other: Csr) -> Csr:
    """Where either matrix stores anything: ``seen`` of two reasons."""
    if one is None or not one.nnz:
        return other
    if not other.nnz:
        return one
    ones = [
        sparse.csr_matrix((np.ones(m.nnz, np.int32), m.indices, m.indptr), shape=m.shape)
        for m in (one, other)
    ]
    return sparse.csr_matrix(ones[0] + ones[1])


def broken_order(ranked: Ranked, own: Ids | None = None, n_items: int | None = None) -> list[str]:
    """The rules that ranked lists break, in words: gaps, order, doubles, an item beside itself.

    Parameters
    ----------
    own
        ``(n,)`` the item that each list is about; ``None`` where lists are about no item.
    n_items
        How many items there are; ``None`` where that is checked elsewhere.
    """
    there, items, scores = ranked.is_there, ranked.items, ranked.scores
    both = there[:, 1:] & there[:, :-1]
    ordered = np.sort(np.where(there, items, -1 - np.arange(items.shape[1])), axis=1)
    rules = {
        "a list has gaps": (there[:, 1:] & ~there[:, :-1]).any(),
        "a score is missing or below 0": not (scores[there] >= 0).all(),
        "a score is infinite": np.isposinf(scores[there]).any(),
        "scores are out of order": (both & (scores[:, 1:] > scores[:, :-1])).any(),
        "equal scores are out of order": (
            both & (scores[:, 1:] == scores[:, :-1]) & (items[:, 1:] < items[:, :-1])
        ).any(),
        "an item appears twice in a list": (ordered[:, 1:] == ordered[:, :-1]).any(),
    }
    if n_items is not None:
        rules["an item does not exist"] = (there & ((items < 0) | (items >= n_items))).any()
    if own is not None:
        rules["a product is its own neighbour"] = (there & (items == own[:, None])).any()
        rules["a score is above 1"] = (scores[there] > 1).any()
    return [rule for rule, is_broken in rules.items() if is_broken]


def top_k(
    scores: npt.NDArray[np.floating], k: int, *, seen: Csr | None = None, among: Ids | None = None
) -> Ranked:
    """The ``k`` best items of each row, ties by item number; scores of 0 and less are no answer.

    Parameters
    ----------
    scores
        ``(n, n_items)`` dense.
    seen
        ``(n, n_items)`` sparse; what is stored there is never given.
    among
        Item numbers that may be given; ``None`` for all.
    """
    from ecorse.models.kernels import best_of_rows

    scores = np.array(scores, order="C")
    n, n_items = scores.shape
    is_allowed = np.ones(n_items, dtype=bool)
    if among is not None:
        is_allowed[:] = False
        is_allowed[among] = True
    if seen is None:
        seen = sparse.csr_matrix((n, n_items))
    items, values = np.full((n, k), NOTHING, dtype=np.int64), np.zeros((n, k))
    best_of_rows(scores, is_allowed, seen.indptr, seen.indices, items, values)
    return Ranked(items, values)
