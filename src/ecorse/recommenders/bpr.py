"""BPR: factors under which what a customer has scores above what the customer has not.

What belongs here: this recommender. What does not: its inner loop (``models.bpr_kernel``).

Source: Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009,
https://arxiv.org/abs/1205.2618.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ecorse.models.base import Recommender, Task
from ecorse.models.interactions import Interactions, Shape
from ecorse.models.ranked import Csr, Ids, Ranked
from ecorse.recommenders import arrays
from ecorse.recommenders.history import HistoryConfig, HistoryRecommender, Scores

Factors = npt.NDArray[np.float32]


class BprConfig(HistoryConfig):
    """``rank`` numbers per customer and product; ``rounds`` over all pairs at ``rate``."""

    rank: int = Field(64, ge=1)
    rounds: int = Field(60, ge=1)
    rate: float = Field(0.05, gt=0)
    penalty: float = Field(0.01, ge=0)


class Bpr(HistoryRecommender):
    """Scores ``exp`` of ``x y' + b``, relative to the best: the order is what BPR learns.

    Steps are taken one after the other, so that the same seed gives the same factors; a customer
    it was not fitted on has none, and it answers for no baskets.
    """

    config_class = BprConfig
    config: BprConfig
    answers: ClassVar = frozenset({"users"})

    users: Factors  # (n_users, rank)
    items: Factors  # (n_items, rank)
    bias: Factors  # (n_items,)

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of the factors, the rows and one round's picks."""
        return 4 * self.config.rank * (shape.users + shape.items) + 40 * shape.rows

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Step through pairs in the order that the seed gives."""
        from ecorse.models.bpr_kernel import one_round

        rows, config = self.remember(data), self.config
        random = np.random.default_rng(task.seed)
        scale = np.float32(0.1)
        self.users, self.items = (
            scale * random.standard_normal((n, config.rank), np.float32) for n in rows.shape
        )
        self.bias = np.zeros(rows.shape[1], np.float32)
        user_of = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        for _ in range(config.rounds if rows.nnz else 0):
            one_round(
                user_of,
                rows.indptr,
                rows.indices,
                random.integers(0, rows.nnz, rows.nnz),
                random.integers(0, rows.shape[1], rows.nnz),
                self.users,
                self.items,
                self.bias,
                config.rate,
                config.penalty,
            )
        self.users[np.diff(rows.indptr) == 0] = 0  # who has nothing is told from nobody
        return self

    def recommend(
        self, users: Ids, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        """The ``k`` best of each customer, by the factors that were fitted."""
        return self._best(self._one_hot(users), k, seen=seen, among=among)

    def _one_hot(self, users: Ids) -> Csr:
        """Rows that say which customer each is, ``(n, n_users)``."""
        from scipy import sparse

        ones = np.ones(len(users), np.float32)
        return sparse.csr_matrix(
            (ones, users, np.arange(len(users) + 1)), shape=(len(users), len(self.users))
        )

    def score(self, histories: Csr) -> Scores:
        """``(n, n_items)`` of rows that say which customer each is."""
        found = (histories @ self.users) @ self.items.T + self.bias
        scores: Scores = np.exp(found - found.max(axis=1, initial=0.0, keepdims=True))
        return scores

    def answer(self, baskets: Csr, k: int) -> Ranked:
        """It has no factors for baskets."""
        return Recommender.answer(self, baskets, k)

    def dump(self) -> Mapping[str, bytes]:
        """Factors and biases as npy."""
        return arrays.to_files(users=self.users, items=self.items, bias=self.bias)

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: BprConfig) -> Self:
        """The model again."""
        made = cls(config)
        made.users, made.items, made.bias = (
            arrays.array(files, name) for name in ("users", "items", "bias")
        )
        return made


RECOMMENDER = Bpr
