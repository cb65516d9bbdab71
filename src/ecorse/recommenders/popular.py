"""Best sellers: the simplest recommender, and the baseline that every other is shown beside.

What belongs here: this one recommender, and best sellers as a part of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import Field
from scipy import sparse

from ecorse.declared import Table
from ecorse.models.base import Answer, Recommender, Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING, Csr, Floats, Ids, Ranked, stored_in_either
from ecorse.recommenders import arrays


class PopularConfig(Table):
    """``half_life_days``: after so many days an order counts half; 0: all count alike.

    ``days``: only what came within so many days before the last row counts; 0: all of it.
    """

    half_life_days: float = Field(0, ge=0)
    days: float = Field(0, ge=0)


class Popular(Recommender):
    """Gives everyone the products that most orders hold; if told so, most of late.

    With ``among`` the products of a category, these are the best sellers of the category.
    """

    config_class = PopularConfig
    config: PopularConfig
    answers: ClassVar = frozenset({"users", "baskets"})

    shares: Floats  # (n_items,) share of all orders that hold the item; decayed: of the best
    refused: Csr  # (n_users, n_items) what customers said no to

    def fit(self, data: Interactions, task: Task, champion: Popular | None = None) -> Popular:
        """Count orders by product."""
        self.refused = data.refused
        if self.config.days:
            data = data.since(self.config.days)
        if half_life := self.config.half_life_days:
            recent = data.recent_popularity(half_life)
            self.shares = recent / max(recent.max(initial=0), 1e-300)
        else:
            self.shares = data.popularity / max(1, data.n_baskets or data.rows.height)
        return self

    def recommend(
        self, users: Ids, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        """The same best sellers for each, without what was seen or refused."""
        return self._best(stored_in_either(seen, self.refused[users]), k, among)

    def _best(self, seen: Csr, k: int, among: Ids | None = None) -> Ranked:
        shares = self.shares
        if among is not None:
            shares = np.zeros_like(shares)
            shares[among] = self.shares[among]
        return best_not_in(shares, seen, k)

    def answer(self, baskets: Csr, k: int) -> Ranked:
        """The best sellers that are not in the basket."""
        return self._best(baskets, k)

    def explain(self, rows: Ids, ranked: Ranked, answer: Answer = "users") -> pl.DataFrame:
        """That they sell; how many orders hold them tonight is known where lists are written."""
        return pl.DataFrame({"sells": np.ones(int(ranked.is_there.sum()), dtype=bool)})

    def dump(self) -> Mapping[str, bytes]:
        """The shares, and what was refused, as npy."""
        return arrays.to_files(shares=self.shares, refused=self.refused)

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: PopularConfig) -> Popular:
        """The shares again."""
        made = cls(config)
        made.shares = arrays.array(files, "shares")
        made.refused = arrays.matrix(files, "refused")
        return made


def best_not_in(shares: Floats, taken: Csr, k: int) -> Ranked:
    """For each row of ``taken`` ``(n, n_items)`` the ``k`` best sellers that it does not store.

    ``shares`` ``(n_items,)``; what has none is no best seller.
    """
    from ecorse.models.kernels import first_not_stored

    order = np.lexsort((np.arange(shares.size), -shares)).astype(np.int64)
    order = order[shares[order] > 0]
    rows = taken if taken.has_sorted_indices else taken.sorted_indices()
    places = np.full((taken.shape[0], k), NOTHING, dtype=np.int64)
    first_not_stored(order, rows.indptr.astype(np.int64), rows.indices.astype(np.int64), places)
    is_there = places != NOTHING
    items = np.full(places.shape, NOTHING, dtype=np.int64)
    scores = np.zeros(places.shape)
    items[is_there] = order[places[is_there]]
    scores[is_there] = shares[items[is_there]]
    return Ranked(items, scores)


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
