"""Best sellers: the simplest recommender, and the baseline that every other is shown beside.

What belongs here: this one recommender, and best sellers as a part of others.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import Field
from scipy import sparse

from ecorse.declared import Table
from ecorse.models.base import Recommender, Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr, Floats, Ids, Ranked, top_k_sparse

BLOCK_ROWS = 4096


class PopularConfig(Table):
    """``half_life_days``: after so many days an order counts half; 0: all count alike."""

    half_life_days: float = Field(0, ge=0)


class Popular(Recommender):
    """Gives everyone the products that most orders hold; if told so, most of late."""

    config_class = PopularConfig
    config: PopularConfig
    answers: ClassVar = frozenset({"users", "baskets"})

    shares: Floats  # (n_items,) share of all orders that hold the item; decayed: of the best

    def fit(self, data: Interactions, task: Task, champion: Popular | None = None) -> Popular:
        """Count orders by product."""
        if half_life := self.config.half_life_days:
            recent = data.recent_popularity(half_life)
            self.shares = recent / max(recent.max(initial=0), 1e-300)
        else:
            self.shares = data.popularity / max(1, data.n_baskets or data.rows.height)
        return self

    def recommend(
        self, users: Ids, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        """The same best sellers for each, without what was seen."""
        shares = self.shares
        if among is not None:
            shares = np.zeros_like(shares)
            shares[among] = self.shares[among]
        if seen is None:
            seen = sparse.csr_matrix((len(users), shares.size))
        parts = [
            top_k_sparse(best_sellers(shares, block, k), k, seen=block)
            for start in range(0, max(1, seen.shape[0]), BLOCK_ROWS)
            for block in (seen[start : start + BLOCK_ROWS],)
        ]
        return Ranked(
            np.concatenate([p.items for p in parts]), np.concatenate([p.scores for p in parts])
        )

    def answer(self, baskets: Csr, k: int) -> Ranked:
        """The best sellers that are not in the basket."""
        return self.recommend(np.arange(baskets.shape[0]), k, seen=baskets)

    def explain(self, rows: Ids, ranked: Ranked) -> pl.DataFrame:
        """That they sell; how many orders hold them tonight is known where lists are written."""
        return pl.DataFrame({"sells": np.ones(int(ranked.is_there.sum()), dtype=bool)})

    def dump(self) -> Mapping[str, bytes]:
        """The shares as npy."""
        buffer = io.BytesIO()
        np.save(buffer, self.shares, allow_pickle=False)
        return {"shares.npy": buffer.getvalue()}

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: PopularConfig) -> Popular:
        """The shares again."""
        made = cls(config)
        made.shares = np.load(io.BytesIO(files["shares.npy"]), allow_pickle=False)
        return made


def best_sellers(shares: Floats, seen: Csr, k: int) -> Csr:
    """``(n, n_items)``: in each row the best sellers of which ``k`` remain, whatever was seen."""
    longest = int(np.diff(seen.indptr).max(initial=0))
    best = np.lexsort((np.arange(shares.size), -shares))[: k + longest]
    best = np.sort(best[shares[best] > 0])
    n = seen.shape[0]
    return sparse.csr_matrix(
        (np.tile(shares[best], n), np.tile(best, n), np.arange(n + 1) * best.size),
        shape=(n, shares.size),
    )


RECOMMENDER = Popular
