"""Best sellers: the simplest recommender, and the baseline that every other is shown beside.

What belongs here: this one recommender.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ecorse.models.base import NoParameters, Recommender, Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import BLOCK_CELLS, Csr, Floats, Ids, Ranked, top_k


class Popular(Recommender):
    """Gives everyone the products that most orders hold."""

    config_class = NoParameters
    answers: ClassVar = frozenset({"users", "baskets"})

    shares: Floats  # (n_items,) share of all orders that hold the item

    def fit(self, data: Interactions, task: Task, champion: Popular | None = None) -> Popular:
        """Count orders by product."""
        self.shares = data.popularity / max(1, data.n_baskets or data.rows.height)
        return self

    def recommend(
        self, users: Ids, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        """The same best sellers for each, without what was seen."""
        parts = []
        step = max(1, BLOCK_CELLS // max(1, self.shares.size))
        for start in range(0, max(1, len(users)), step):
            n = len(users[start : start + step])
            hidden = seen[start : start + step] if seen is not None else None
            parts.append(top_k(np.tile(self.shares, (n, 1)), k, seen=hidden, among=among))
        return Ranked(
            np.concatenate([p.items for p in parts]), np.concatenate([p.scores for p in parts])
        )

    def answer(self, baskets: Csr, k: int) -> Ranked:
        """The best sellers that are not in the basket."""
        return self.recommend(np.arange(baskets.shape[0]), k, seen=baskets)

    def dump(self) -> Mapping[str, bytes]:
        """The shares as npy."""
        buffer = io.BytesIO()
        np.save(buffer, self.shares, allow_pickle=False)
        return {"shares.npy": buffer.getvalue()}

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: NoParameters) -> Popular:
        """The shares again."""
        made = cls(config)
        made.shares = np.load(io.BytesIO(files["shares.npy"]), allow_pickle=False)
        return made


RECOMMENDER = Popular
