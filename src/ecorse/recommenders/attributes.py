"""Cosine over attributes: any pair exactly, and each product's nearest products.

What belongs here: the dense part of item similarity, block by block. What does not: which
attributes there are and how they are weighed (``features.items``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ecorse.features.items import ItemAttributes
from ecorse.recommenders.co_purchase import SCORE_DECIMALS, FloatArray, IntArray, map_blocks

BLOCK_CELLS = 4_000_000
"""Cells of the widest array one block makes (float32: 16 MB)."""

_SLACK = np.float32(1e-5)
"""More than float32 can be wrong by in a sum of some hundred products of numbers up to 1."""


@dataclass(frozen=True)
class Candidates:
    """For each item, other items that may be its nearest; ``items[starts[c]:starts[c + 1]]``.

    ``class_of`` ``(n_items,)`` says which list ``c`` an item has: items with equal attributes
    share one, and may find themselves in it.
    """

    class_of: IntArray
    starts: IntArray
    items: IntArray

    def pairs(self, start: int, end: int) -> tuple[IntArray, IntArray]:
        """Rows and columns of the candidates of items ``start`` to ``end``."""
        classes = self.class_of[start:end]
        lengths = self.starts[classes + 1] - self.starts[classes]
        rows = np.repeat(np.arange(start, end), lengths)
        within = np.arange(rows.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return rows, self.items[np.repeat(self.starts[classes], lengths) + within]


def attribute_cosine(attributes: ItemAttributes, rows: IntArray, cols: IntArray) -> FloatArray:
    """Cosine of the weighted attribute vectors of each pair, rounded to ``SCORE_DECIMALS``.

    The one-hot blocks give their weight where both items have the same known label; the profiles
    give the dot product. Symmetric in every bit: products commute and sums keep their order.

    Parameters
    ----------
    rows, cols
        Item numbers, ``(n_pairs,)``.

    Returns
    -------
    ``(n_pairs,)`` float64, 0 to 1.

    Source: Manning, Raghavan, Schütze (2008), Introduction to Information Retrieval, 6.3.1,
    https://nlp.stanford.edu/IR-book/html/htmledition/dot-products-1.html
    """
    cosines = np.empty(rows.size)
    step = max(1, BLOCK_CELLS // 8 // max(1, attributes.profiles.shape[1]))
    for start in range(0, rows.size, step):
        i, j = rows[start : start + step], cols[start : start + step]
        dots = (attributes.profiles[i] * attributes.profiles[j]).sum(axis=1)
        for labels, weight in zip(attributes.labels.T, attributes.label_weights, strict=True):
            dots += weight * ((labels[i] == labels[j]) & (labels[i] >= 0))
        cosines[start : start + step] = dots * (attributes.scale[i] * attributes.scale[j])
    return np.minimum(np.round(cosines, SCORE_DECIMALS), 1.0)


def nearest_by_attributes(attributes: ItemAttributes, top_n: int, threads: int = 0) -> Candidates:
    """Find, for each item, a list that surely holds its ``top_n`` nearest by attributes.

    Items with equal attributes tie with one another everywhere, and ties go to the smaller
    number: of each such class the first ``top_n + 1`` items are enough. Scores are first taken in
    float32, and whoever comes within ``_SLACK`` of the last place is kept; the caller decides by
    the exact cosine. ``n_classes ** 2`` time, ``BLOCK_CELLS`` memory.
    """
    vectors = np.hstack([attributes.labels, attributes.profiles])
    _, first, class_of = np.unique(vectors, axis=0, return_index=True, return_inverse=True)
    class_of = class_of.ravel()
    shortlist = _first_of_each(class_of, top_n + 1)
    profiles = attributes.profiles.astype(np.float32)
    # A row's own scale does not change its order, so only the columns are scaled.
    columns = np.ascontiguousarray(
        (profiles[shortlist] * attributes.scale[shortlist, None]).T, dtype=np.float32
    )

    def one_block(start: int, end: int) -> tuple[IntArray, IntArray]:
        rows = first[start:end]
        scores = profiles[rows] @ columns
        _add_labels(scores, attributes, rows, shortlist)
        keep = scores > 0
        place = scores.shape[1] - (top_n + 1)
        if place > 0:
            last = np.partition(scores, place, axis=1)[:, place, None]
            keep &= scores >= last - _SLACK
        found_rows, found_cols = np.nonzero(keep)
        return np.bincount(found_rows, minlength=end - start), shortlist[found_cols]

    step = max(1, BLOCK_CELLS // max(1, shortlist.size))
    blocks = [(s, min(s + step, first.size)) for s in range(0, first.size, step)]
    with threadpool_limits(limits=1, user_api="blas"):
        parts = list(map_blocks(one_block, blocks, threads))
    starts = np.concatenate([[0], *(part[0] for part in parts)]).cumsum()
    return Candidates(class_of, starts, np.concatenate([part[1] for part in parts]))


def _first_of_each(class_of: IntArray, count: int) -> IntArray:
    """The first ``count`` items of each class, in the order of their number."""
    order = np.argsort(class_of, kind="stable")
    sizes = np.bincount(class_of)
    within = np.arange(order.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[within < count])


def _add_labels(
    scores: NDArray[np.float32], attributes: ItemAttributes, rows: IntArray, cols: IntArray
) -> None:
    """Add the one-hot blocks to ``scores`` in place, once per combination of labels.

    ``rows`` come sorted by label, so a block has few combinations.
    """
    row_labels, col_labels = attributes.labels[rows], attributes.labels[cols]
    combinations, where = np.unique(row_labels, axis=0, return_inverse=True)
    for number, labels in enumerate(combinations):
        same = (col_labels == labels) & (labels >= 0)
        shared = (same @ attributes.label_weights) * attributes.scale[cols]
        places = np.flatnonzero(where.ravel() == number)
        scores[places[0] : places[-1] + 1] += shared.astype(np.float32)
