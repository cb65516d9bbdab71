"""Cosine over attributes: any pair exactly, and each product's nearest products.

What belongs here: the dense part of item similarity, block by block. What does not: which
attributes there are and how they are weighed (``features.items``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ecorse.features.items import ItemAttributes
from ecorse.models.threads import one_thread
from ecorse.recommenders.counting import SCORE_DECIMALS, FloatArray, IntArray, map_blocks

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
        dots = np.einsum("ij,ij->i", attributes.profiles[i], attributes.profiles[j])
        for labels, weight in zip(attributes.labels.T, attributes.label_weights, strict=True):
            dots += weight * ((labels[i] == labels[j]) & (labels[i] >= 0))
        cosines[start : start + step] = dots * (attributes.scale[i] * attributes.scale[j])
    return np.minimum(np.round(cosines, SCORE_DECIMALS), 1.0)


def nearest_by_attributes(attributes: ItemAttributes, top_n: int, threads: int = 0) -> Candidates:
    """Find, for each item, a list that surely holds its ``top_n`` nearest by attributes.

    Items with equal attributes tie with one another everywhere, and ties go to the smaller
    number: of each such class the first ``top_n + 1`` items are enough. Scores are first taken in
    float32, and whoever comes within ``_SLACK`` of the last place is kept; the caller decides by
    the exact cosine.

    An item's own category is searched first. Without the category, two vectors can agree at most
    as far as their other parts are long (Cauchy-Schwarz), so where the last place within the
    category is better than that, no other category is looked at: 50,000 products in 200
    categories take 1 s so, and 12 s otherwise. ``BLOCK_CELLS`` bounds the memory.
    """
    first, class_of = _classes(attributes)
    search = _Search(attributes, _first_of_each(class_of, top_n + 1), top_n)
    step = max(1, BLOCK_CELLS // max(1, search.everyone.size))
    cuts = np.flatnonzero(np.diff(attributes.labels[first, 0])) + 1  # classes come by category
    blocks = [
        (start, min(start + step, int(end)))
        for begin, end in pairwise([0, *cuts, first.size])
        for start in range(int(begin), int(end), step)
    ]
    with one_thread():
        parts = list(map_blocks(lambda start, end: search.find(first[start:end]), blocks, threads))
    starts = np.concatenate([[0], *(part[0] for part in parts)]).cumsum()
    return Candidates(class_of, starts, np.concatenate([part[1] for part in parts]))


class _Search:
    """The search for near items among ``everyone``, in float32."""

    def __init__(self, attributes: ItemAttributes, everyone: IntArray, top_n: int) -> None:
        self.attributes, self.everyone, self.top_n = attributes, everyone, top_n
        self.profiles = attributes.profiles.astype(np.float32)
        categories = attributes.labels[everyone, 0]
        self.members = {c: everyone[categories == c] for c in np.unique(categories) if c >= 0}
        known = attributes.labels[:, 0] >= 0
        weight = attributes.label_weights[0] * known
        self.rest = np.sqrt(np.maximum(0, 1 - weight * attributes.scale**2))

    def find(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Give the near items of ``rows`` of one category: how many per row, and which."""
        category = int(self.attributes.labels[rows[0], 0])
        is_open = np.ones(rows.size, dtype=bool)
        found = []
        if category >= 0:
            keep, last = self._scan(rows, self.members[category])
            bound = self.rest[rows] * self.rest[self.everyone].max()
            is_open = last * self.attributes.scale[rows] <= bound + _SLACK
            keep[is_open] = False
            where, cols = np.nonzero(keep)
            found.append((where, self.members[category][cols]))
        if is_open.any():
            keep, _ = self._scan(rows[is_open], self.everyone)
            where, cols = np.nonzero(keep)
            found.append((np.flatnonzero(is_open)[where], self.everyone[cols]))
        where, items = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return np.bincount(where, minlength=rows.size), items[np.argsort(where, kind="stable")]

    def _scan(self, rows: IntArray, cols: IntArray) -> tuple[NDArray[np.bool_], FloatArray]:
        """Which ``cols`` may be among each row's nearest, and the score of the last place.

        A row's own scale does not change its order, so only the columns are scaled; the last
        place's score is 0 where there are no more columns than places.
        """
        columns = self.profiles[cols] * self.attributes.scale[cols, None].astype(np.float32)
        scores = self.profiles[rows] @ columns.T
        _add_labels(scores, self.attributes, rows, cols)
        keep = scores > 0
        place = cols.size - (self.top_n + 1)
        if place <= 0:
            return keep, np.zeros(rows.size)
        last = np.partition(scores, place, axis=1)[:, place]
        keep &= scores >= (last - _SLACK)[:, None]
        return keep, last.astype(np.float64)


def _classes(attributes: ItemAttributes) -> tuple[IntArray, IntArray]:
    """The first item of each class of equal attributes, by label, and the class of each item.

    Rows are told apart by a 64-bit sum of their bytes, a tenth of the time of sorting them; should
    two different rows have one sum, they are sorted after all.
    """
    vectors = np.ascontiguousarray(np.hstack([attributes.labels, attributes.profiles]) + 0.0)
    draw = np.random.default_rng(1).integers
    bits = vectors.view(np.uint64)
    keys = np.zeros(len(vectors), dtype=np.uint64)
    for column in bits.T:
        keys = (keys ^ (column * np.uint64(draw(1 << 62) * 2 + 1))) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    _, first, class_of = np.unique(keys, return_index=True, return_inverse=True)
    if not (vectors == vectors[first[class_of]]).all():
        _, first, class_of = np.unique(vectors, axis=0, return_index=True, return_inverse=True)
        class_of = class_of.ravel()
    order = np.lexsort((first, *attributes.labels[first].T[::-1]))
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    return first[order], place[class_of]


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
