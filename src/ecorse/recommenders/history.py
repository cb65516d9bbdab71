"""Recommenders that score every product from a row of history: customers, baskets, newcomers alike.

What belongs here: asking such a model block by block, and what of a history counts. What does not:
any scoring.

They take rows of the matrix and not customers' numbers, so that a basket, a visit or a customer
whom the model never saw is answered on the same path as those it was fitted on.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field
from scipy import sparse

from ecorse.declared import Table
from ecorse.models.base import Answer, Recommender
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import (
    NOTHING,
    Csr,
    Floats,
    Ids,
    Ranked,
    joined,
    rows_of,
    stored_in_either,
    top_k,
)
from ecorse.models.threads import in_threads, one_thread
from ecorse.recommenders import arrays

Scores = npt.NDArray[np.float32]
LEAST_SHARE = np.float32(1e-5)
BLOCK_CELLS = 1_000_000  # float32 scores of one block: 4 MB, which stays in the cache
BLOCK_PAIRS = 4096
OWN_PRODUCTS = 3  # that evidence names


class HistoryConfig(Table):
    """What of a customer's history counts.

    ``half_life_days``: after so many days a row counts half; 0: all count alike. ``power``: what
    remains of a weight (0: whether there is any; 1: all of it).
    """

    half_life_days: float = Field(0, ge=0)
    power: float = Field(0, ge=0, le=1)
    threads: int = Field(0, ge=0)


class HistoryRecommender(Recommender):
    """Answers for customers and baskets by ``score`` of their rows; a subclass learns it.

    A score that is not above 0 says nothing: such items are not given.
    """

    config_class: ClassVar[type[Table]] = HistoryConfig
    answers: ClassVar = frozenset({"users", "baskets"})
    _because_by: ClassVar[Literal["items", "rows"]] = "rows"

    histories: Csr  # (n_users, n_items) float32: what the model was fitted on
    refused: Csr  # (n_users, n_items) what customers said no to

    @abstractmethod
    def score(self, histories: Csr) -> Scores:
        """``(n, n_items)`` from rows of history ``(n, n_items)``; what is in them may score too."""

    def remember(self, data: Interactions) -> Csr:
        """Keep ``refused``, keep and give ``histories``, by the configuration."""
        self.refused = data.refused
        matrix = data.decayed(self.config.half_life_days or None)
        self.histories = self.weighed(matrix)
        return self.histories

    def weighed(self, rows: Csr) -> Csr:
        """Rows with each weight to the ``power`` of the configuration."""
        kept = sparse.csr_matrix(rows, dtype=np.float32, copy=True)
        kept.data = np.power(np.maximum(kept.data, 0), np.float32(self.config.power))
        kept.sort_indices()
        return kept

    def recommend(
        self, users: Ids, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        """The ``k`` best items of each customer, without what the customer refused."""
        seen = stored_in_either(seen, self.refused[users])
        return self._best(self.histories[users], k, seen=seen, among=among)

    def kept(self) -> dict[str, Csr]:
        """What ``dump`` writes of customers."""
        return {"histories": self.histories, "refused": self.refused}

    def keep(self, files: Mapping[str, bytes]) -> None:
        """What ``load`` reads of customers."""
        for name in ("histories", "refused"):
            setattr(self, name, arrays.matrix(files, name))

    def answer(self, baskets: Csr, k: int) -> Ranked:
        """The ``k`` best items for whoever has these products, without them."""
        return self._best(self.weighed(baskets), k, seen=baskets)

    def because(self, histories: Csr, items: Ids, rows: Ids, top: int) -> Ranked | None:
        """The own products that scores rest on most, with what each adds to the score.

        Parameters
        ----------
        histories
            ``(n, n_items)`` as for ``score``.
        items, rows
            ``(pairs,)`` each: the item whose score is asked about, and the row of ``histories``.

        Returns
        -------
        ``(pairs, top)``: products of the row by falling contribution, ties by number. All of a
        row's contributions add up to ``score``; those that speak against it are below 0 and come
        last. ``None`` if the model's scores are no such sum.
        """
        found = self._because(histories, items, rows, top)
        return found and found[0]

    def _because(
        self, histories: Csr, items: Ids, rows: Ids, top: int
    ) -> tuple[Ranked, Floats] | None:
        """``because``, and the sum of all that speaks for each pair, ``(pairs,)``."""
        # what a block of pairs has in common is worked out once: a row's solution, an item's column
        order = np.argsort(items if self._because_by == "items" else rows, kind="stable")

        def one_block(start: int) -> tuple[Ranked, Floats] | None:
            part = order[start : start + BLOCK_PAIRS]
            own = sparse.csr_matrix(histories[rows[part]])
            added = self._contributions(own, items[part], rows[part])
            if added is None:
                return None
            of_pair = np.repeat(np.arange(own.shape[0]), np.diff(own.indptr))
            total = np.bincount(of_pair, np.maximum(added, 0.0), minlength=own.shape[0])
            return _largest(own, added, top), total.astype(np.float64)

        with one_thread():
            blocks = range(0, max(1, len(items)), BLOCK_PAIRS)
            found = [block for block in map(one_block, blocks) if block is not None]
        if not found:
            return None
        back, own = np.argsort(order), joined([ranked for ranked, _ in found])
        totals: Floats = np.concatenate([part for _, part in found])[back]
        return rows_of(own, back), totals

    def explain(self, rows: Ids, ranked: Ranked, answer: Answer = "users") -> pl.DataFrame | None:
        """The customer's own products that each score rests on most."""
        if answer != "users":
            return None
        there = ranked.is_there
        users = np.repeat(rows, there.sum(axis=1))
        found = self._because(self.histories, ranked.items[there], users, OWN_PRODUCTS)
        if found is None:
            return None
        own, total = found
        speaks_for = own.is_there & (own.scores > 0)
        return pl.DataFrame(
            {
                "because": np.where(speaks_for, own.items, NOTHING),
                "shares": np.where(speaks_for, own.scores, 0) / np.maximum(total, 1e-300)[:, None],
            }
        )

    def _contributions(self, own: Csr, items: Ids, rows: Ids) -> npt.NDArray[np.floating] | None:
        """What each entry of ``own`` adds to its row's score, ``(own.nnz,)``.

        ``own`` ``(pairs, n_items)`` holds the history behind each pair of ``items`` and ``rows``.
        Pairs come by ``_because_by``.
        """
        return None

    def _best(
        self, histories: Csr, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        step = max(1, BLOCK_CELLS // max(1, histories.shape[1]))

        def one_block(rows: slice) -> Ranked:
            block = None if seen is None else seen[rows]
            scores = self.score(histories[rows])
            # sums in float32 end in the seventh digit, and of another block in another one: what is
            # nothing beside a row's best is no answer, whichever sign it has
            scores[scores < LEAST_SHARE * scores.max(axis=1, initial=0, keepdims=True)] = 0
            return top_k(scores, k, seen=block, among=among)

        with one_thread():
            return joined(
                list(in_threads(one_block, _slices(histories.shape[0], step), self.config.threads))
            )


def _largest(own: Csr, added: npt.NDArray[np.floating], top: int) -> Ranked:
    """The ``top`` entries of each row by falling value, whatever their sign."""
    n = own.shape[0]
    rows = np.repeat(np.arange(n), np.diff(own.indptr))
    values: Floats = added.astype(np.float64)
    order = np.lexsort((own.indices, -values, rows))
    rank = np.arange(own.nnz) - own.indptr[rows]
    chosen, place = order[rank < top], (rows[rank < top], rank[rank < top])
    items, scores = np.full((n, top), NOTHING, dtype=np.int64), np.zeros((n, top))
    items[place], scores[place] = own.indices[chosen], values[chosen]
    return Ranked(items, scores)


def products_of_rows(matrix: Csr, one: Ids, other: Ids) -> Floats:
    """The product of rows ``one`` and ``other`` ``(n,)`` of a matrix with sorted indices."""
    from ecorse.models.kernels import dots_of_rows

    found = np.empty(len(one))
    dots_of_rows(matrix.indptr, matrix.indices, matrix.data, one, other, found)
    return found


def _slices(n: int, step: int) -> Iterator[slice]:
    """The rows in blocks; one empty block where there are none."""
    for start in range(0, max(1, n), step):
        yield slice(start, min(start + step, n))


def scaled_columns(rows: Csr, by: npt.NDArray[np.floating]) -> Csr:
    """Each column times its own number: ``rows * diag(by)``, float32."""
    scaled = sparse.csr_matrix(rows, dtype=np.float32, copy=True)
    scaled.data *= by.astype(np.float32)[scaled.indices]
    return scaled


def scaled_rows(rows: Csr, by: npt.NDArray[np.floating]) -> Csr:
    """Each row times its own number: ``diag(by) * rows``, float32."""
    scaled = sparse.csr_matrix(rows, dtype=np.float32, copy=True)
    scaled.data *= np.repeat(by.astype(np.float32), np.diff(scaled.indptr))
    return scaled


def to_power(counts: npt.NDArray[np.floating], power: float) -> npt.NDArray[np.float64]:
    """``counts ** power``; 0 where there is nothing, whatever the power."""
    found = np.zeros(len(counts))
    np.power(counts, power, out=found, where=counts > 0)
    return found
