"""Recommenders that score every product from a row of history: customers, baskets, newcomers alike.

What belongs here: asking such a model block by block, and what of a history counts. What does not:
any scoring.

They take rows of the matrix and not customers' numbers, so that a basket, a visit or a customer
whom the model never saw is answered on the same path as those it was fitted on.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import sparse

from ecorse.declared import Table
from ecorse.models.base import Recommender
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr, Ids, Ranked, top_k
from ecorse.models.threads import in_threads, one_thread

Scores = npt.NDArray[np.float32]
BLOCK_CELLS = 1_000_000  # float32 scores of one block: 4 MB, which stays in the cache


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

    histories: Csr  # (n_users, n_items) float32: what the model was fitted on

    @abstractmethod
    def score(self, histories: Csr) -> Scores:
        """``(n, n_items)`` from rows of history ``(n, n_items)``; what is in them may score too."""

    def remember(self, data: Interactions) -> Csr:
        """Keep and give ``histories`` ``(n_users, n_items)`` by the configuration."""
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
        """The ``k`` best items of each customer."""
        return self._best(self.histories[users], k, seen=seen, among=among)

    def answer(self, baskets: Csr, k: int) -> Ranked:
        """The ``k`` best items for whoever has these products, without them."""
        return self._best(self.weighed(baskets), k, seen=baskets)

    def _best(
        self, histories: Csr, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        step = max(1, BLOCK_CELLS // max(1, histories.shape[1]))

        def one_block(rows: slice) -> Ranked:
            block = None if seen is None else seen[rows]
            return top_k(self.score(histories[rows]), k, seen=block, among=among)

        with one_thread():
            found = list(
                in_threads(one_block, _slices(histories.shape[0], step), self.config.threads)
            )
        return Ranked(
            np.concatenate([part.items for part in found]),
            np.concatenate([part.scores for part in found]),
        )


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
