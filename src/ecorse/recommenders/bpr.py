"""BPR: factors under which what a customer has scores above what the customer has not.

What belongs here: this recommender. What does not: its inner loop (``models.bpr_kernel``).

Source: Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009,
https://arxiv.org/abs/1205.2618.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field

from ecorse.models.base import Task
from ecorse.models.interactions import Interactions, Shape
from ecorse.recommenders.factors import FactorRecommender
from ecorse.recommenders.history import HistoryConfig


class BprConfig(HistoryConfig):
    """``rank`` numbers per customer and product; ``rounds`` over all pairs at ``rate``."""

    rank: int = Field(64, ge=1)
    rounds: int = Field(60, ge=1)
    rate: float = Field(0.05, gt=0)
    penalty: float = Field(0.01, ge=0)


class Bpr(FactorRecommender):
    """Scores by factors ``x y' + b``, see ``factors``.

    Steps are taken one after the other, so that the same seed gives the same factors.
    """

    config_class = BprConfig
    config: BprConfig

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


RECOMMENDER = Bpr
