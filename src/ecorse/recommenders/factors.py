"""Recommenders that have factors of each customer and product, learned together.

What belongs here: answering by them, and their files. What does not: learning them (``bpr``,
``lightgcn``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ecorse.models.base import Answer, Recommender
from ecorse.models.ranked import Csr, Ids, Ranked, stored_in_either
from ecorse.recommenders import arrays
from ecorse.recommenders.history import HistoryRecommender, Scores

Factors = npt.NDArray[np.float32]


class FactorRecommender(HistoryRecommender):
    """Scores ``exp`` of ``x y' + b``, relative to the best: what was learned is an order.

    A customer it was not fitted on has no factors, and it answers for no baskets.
    """

    answers: ClassVar = frozenset({"users"})

    users: Factors  # (n_users, rank)
    items: Factors  # (n_items, rank)
    bias: Factors  # (n_items,)

    def recommend(
        self, users: Ids, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        """The ``k`` best of each customer, by the factors that were fitted."""
        seen = stored_in_either(seen, self.refused[users])
        return self._best(self._one_hot(users), k, seen=seen, among=among)

    def _one_hot(self, users: Ids) -> Csr:
        """Rows that say which customer each is, ``(n, n_users)``."""
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

    def explain(self, rows: Ids, ranked: Ranked, answer: Answer = "users") -> None:
        """A factor rests on everybody's purchases: no customer's own can be named."""

    def dump(self) -> Mapping[str, bytes]:
        """Factors, biases and what was refused as npy."""
        return arrays.to_files(
            users=self.users, items=self.items, bias=self.bias, refused=self.refused
        )

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: Any) -> Self:
        """The model again."""
        made = cls(config)
        made.users, made.items, made.bias = (
            arrays.array(files, name) for name in ("users", "items", "bias")
        )
        made.refused = arrays.matrix(files, "refused")
        return made
