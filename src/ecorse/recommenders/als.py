"""Implicit ALS: factors of customers and products whose product tells who has what.

What belongs here: this recommender. What does not: its inner loop (``models.als_kernel``).

Sources: Hu, Koren, Volinsky, Collaborative Filtering for Implicit Feedback Datasets, ICDM 2008,
https://doi.org/10.1109/ICDM.2008.22; Takács, Pilászy, Tikk, Applications of the conjugate gradient
method for implicit feedback collaborative filtering, RecSys 2011,
https://doi.org/10.1145/2043932.2043987.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import sparse

from ecorse.models.base import Task
from ecorse.models.interactions import Interactions, Shape
from ecorse.models.ranked import Csr, Floats, Ids
from ecorse.models.threads import in_threads, one_thread
from ecorse.recommenders import arrays
from ecorse.recommenders.history import HistoryConfig, HistoryRecommender, Scores

Factors = npt.NDArray[np.float32]
BLOCK_ROWS = 256
STEPS_OF_A_NEWCOMER = 20


class AlsConfig(HistoryConfig):
    """``rank`` numbers per customer and product; ``penalty`` on their squares.

    What a customer has counts ``1 + confidence * weight``, all else 1.
    """

    rank: int = Field(64, ge=1)
    penalty: float = Field(10.0, gt=0)
    confidence: float = Field(10.0, gt=0)
    rounds: int = Field(15, ge=1)
    steps: int = Field(3, ge=1)


class Als(HistoryRecommender):
    """Scores ``x y'``, ``x`` being the least squares solution for any row of history."""

    config_class = AlsConfig
    config: AlsConfig

    items: Factors  # (n_items, rank); customers' are solved for when they are asked for

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of the factors, and of both directions of the rows."""
        return 8 * self.config.rank * (shape.users + shape.items) + 24 * shape.rows

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Take turns: customers by products, products by customers."""
        rows = self.remember(data)
        across = sparse.csr_matrix(rows.T)
        random = np.random.default_rng(task.seed)
        self.items = self._zeros(rows.shape[1])
        drawn = random.standard_normal((rows.shape[1], self.config.rank), np.float32)
        self.items[:, : self.config.rank] = drawn / np.sqrt(np.float32(self.config.rank))
        users = self._zeros(rows.shape[0])
        with one_thread():
            for _ in range(self.config.rounds):
                self._solve(rows, self.items, users, self.config.steps)
                self._solve(across, users, self.items, self.config.steps)
        self.__dict__.pop("_gram_of_items", None)
        return self

    def _zeros(self, n: int) -> Factors:
        """Factors of ``n`` rows; columns beyond the rank stay 0, and fill up the kernel's lanes."""
        from ecorse.models.als_kernel import LANES

        return np.zeros((n, -(-self.config.rank // LANES) * LANES), np.float32)

    def _solve(self, rows: Csr, others: Factors, mine: Factors, steps: int) -> None:
        from ecorse.models.als_kernel import solve_rows

        gram, confidence = self._gram(others), self._confidence(rows)

        def one_block(start: int) -> None:
            end = min(start + BLOCK_ROWS, rows.shape[0])
            solve_rows(rows.indptr, rows.indices, confidence, others, gram, start, end, steps, mine)

        for _ in in_threads(one_block, range(0, rows.shape[0], BLOCK_ROWS), self.config.threads):
            pass

    def _gram(self, others: Factors) -> Factors:
        """``Y'Y + penalty I``, ``(rank, rank)``."""
        gram: Factors = others.T @ others
        gram[np.diag_indices_from(gram)] += np.float32(self.config.penalty)
        return gram

    def _confidence(self, rows: Csr) -> Factors:
        confidence: Factors = 1 + np.float32(self.config.confidence) * rows.data
        return confidence

    @cached_property
    def _gram_of_items(self) -> Factors:
        """The products' part of every newcomer's equation: the same for all."""
        return self._gram(self.items)

    def _of(self, rows: Csr) -> Factors:
        """The factors of rows of history, whoever they are of: ``(n, rank)``."""
        from ecorse.models.als_kernel import solve_rows

        n, found = rows.shape[0], self._zeros(rows.shape[0])
        gram, confidence = self._gram_of_items, self._confidence(rows)
        solve_rows(rows.indptr, rows.indices, confidence, self.items, gram, 0, n,
                   STEPS_OF_A_NEWCOMER, found)  # fmt: skip
        return found

    def score(self, histories: Csr) -> Scores:
        """``(n, n_items)``: the product of factors."""
        found: Scores = self._of(histories) @ self.items.T
        return found

    def _contributions(self, own: Csr, items: Ids, rows: Ids) -> Floats:
        """``c_j y_i' A^-1 y_j`` with ``A = Y'Y + penalty I + sum (c - 1) y y'`` of the row.

        Source: Hu, Koren, Volinsky 2008, section 5 (explaining recommendations).
        """
        factors = self.items.astype(np.float64)
        gram = factors.T @ factors + self.config.penalty * np.eye(factors.shape[1])
        extra = self.config.confidence * own.data.astype(np.float64)
        found = np.empty(own.nnz)
        # pairs of one row of history come together and share its A
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        for start, end in pairwise([*starts, len(rows)]):
            first, last = own.indptr[start], own.indptr[start + 1]
            y, weight = factors[own.indices[first:last]], extra[first:last]
            solved = np.linalg.solve(gram + (y.T * weight) @ y, factors[items[start:end]].T)
            added = ((y * (1 + weight)[:, None]) @ solved).T
            found[first : own.indptr[end]] = added.ravel()
        return found

    def dump(self) -> Mapping[str, bytes]:
        """Products' factors and histories as npy."""
        return arrays.to_files(items=self.items, **self.kept())

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: AlsConfig) -> Self:
        """The model again."""
        made = cls(config)
        made.items = arrays.array(files, "items")
        made.keep(files)
        return made


RECOMMENDER = Als
