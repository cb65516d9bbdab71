"""How often products sold, alone and together: the figures that receipts tell.

What belongs here: counts over tonight's baskets, made for the pairs that are asked about. What
does not: scores (``counting`` counts for those), words (``receipts``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from ecorse.models.interactions import Interactions, Nature
from ecorse.models.ranked import Csr, Ids

LATE_DAYS = 28  # as scope ``lately`` of popular_recommendations


@dataclass(frozen=True)
class Sales:
    """Counts of baskets: of orders, or of visits in a shop without purchases.

    Attributes
    ----------
    baskets, late_baskets
        ``(n_items,)`` how many hold each item, and how many of the last ``LATE_DAYS``.
    total, late_total
        How many there are.
    holders
        ``(n_items, n_baskets)``: stored where a basket holds the item.
    """

    baskets: Ids
    late_baskets: Ids
    total: int
    late_total: int
    nature: Nature
    holders: Csr

    @classmethod
    def of(cls, data: Interactions) -> Sales:
        """Those of all rows; where rows name no basket, each row counts as one."""
        recent = data.rows.filter(pl.col("at") > pl.col("at").max() - timedelta(days=LATE_DAYS))
        late = Interactions(data.items, data.users, recent)
        return cls(
            data.popularity.astype(np.int64),
            late.popularity.astype(np.int64),
            data.n_baskets or data.rows.height,
            late.n_baskets or recent.height,
            data.nature,
            sparse.csr_matrix(data.baskets.T),
        )

    def together(self, one: Ids, other: Ids) -> Ids:
        """How many baskets hold both items of each pair, ``(pairs,)``.

        At the cost of the rarer item's baskets per pair, and of each item's once.
        """
        from ecorse.models.sharing_kernel import shared_of_pairs

        n = np.int64(len(self.baskets))
        is_rarer = self.baskets[one] < self.baskets[other]
        keys, place = np.unique(
            np.where(is_rarer, other * n + one, one * n + other), return_inverse=True
        )
        common, rare = keys // max(int(n), 1), keys % max(int(n), 1)
        counts = np.zeros(len(keys), dtype=np.int64)
        marks: npt.NDArray[np.uint8] = np.zeros(self.holders.shape[1], dtype=np.uint8)
        shared_of_pairs(self.holders.indptr, self.holders.indices, common, rare, marks, counts)
        return counts[place]

    def lift(self, one: Ids, other: Ids, together: Ids) -> npt.NDArray[np.float64]:
        """``together * n / (n_i * n_j)``: how many times as often as by chance; 4 decimals."""
        apart = self.baskets[one].astype(np.float64) * self.baskets[other]
        found: npt.NDArray[np.float64] = np.round(
            together * float(self.total) / np.maximum(apart, 1), 4
        )
        return found
