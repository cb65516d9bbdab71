"""Judging recommenders: splits by time and hit rates on baskets, as pure functions.

What belongs here: metrics of ranked lists and how their cases are made. What does not: any
recommender, the gate's rule (it stands with the model).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

BLOCK_CELLS = 4_000_000


@dataclass(frozen=True)
class HitRate:
    """Share of hidden products that a recommender named, on how many, with its standard error."""

    rate: float
    cases: int

    @property
    def standard_error(self) -> float:
        """Standard error of a share, sqrt(p (1 - p) / n); 0 without cases."""
        return float(np.sqrt(self.rate * (1 - self.rate) / self.cases)) if self.cases else 0.0


def split_by_time(lines: pl.DataFrame, test_share: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part order lines into earlier and later orders; an order is never torn apart.

    Parameters
    ----------
    lines
        ``order_id``, ``ordered_local`` and anything else.
    test_share
        The latest orders that make up about this share go to the second part; orders of the same
        instant stay together.
    """
    times = lines.group_by("order_id").agg(pl.min("ordered_local"))
    cut = times.sort("ordered_local")["ordered_local"]
    if cut.is_empty():
        return lines, lines
    first_test = cut[min(int(cut.len() * (1 - test_share)), cut.len() - 1)]
    later = times.filter(pl.col("ordered_local") >= first_test).select("order_id")
    return (
        lines.join(later, on="order_id", how="anti"),
        lines.join(later, on="order_id", how="semi"),
    )


def hit_rate(
    baskets: sparse.csr_matrix,
    similarity: sparse.csr_matrix,
    popularity: NDArray[np.integer],
    hits_at: int,
    max_cases: int,
) -> HitRate:
    """Hide one product of a basket, ask for ``hits_at`` products, see whether it is among them.

    A product's score is the sum of its similarity to what is left of the basket; ties, and
    products similar to none of it, go by popularity, then by item number. What is left of the
    basket is never recommended.

    Parameters
    ----------
    baskets
        ``(n_baskets, n_items)``, sparse, 1 where the basket holds the item.
    similarity
        ``(n_items, n_items)``, sparse; all zero gives the popularity baseline.
    popularity
        ``(n_items,)`` baskets with each item in the training part.
    max_cases
        Of all (basket, product) pairs in baskets of two and more, at most this many, evenly spread.

    Source: Deshpande, Karypis (2004), "Item-based top-N recommendation algorithms",
    https://doi.org/10.1145/963770.963776, section 6.1 (leave one out, hit rate).
    """
    several = baskets[np.diff(baskets.indptr) > 1]
    n_items = baskets.shape[1]
    count = min(max_cases, several.nnz)
    if count == 0:
        return HitRate(0.0, 0)
    chosen = np.unique(np.linspace(0, several.nnz - 1, count).astype(np.int64))
    of_basket = np.repeat(np.arange(several.shape[0]), np.diff(several.indptr))[chosen]
    hidden = several.indices[chosen]
    place = np.empty(n_items, dtype=np.int64)
    place[np.lexsort((np.arange(n_items), -popularity))] = np.arange(n_items)
    hits = 0
    step = max(1, BLOCK_CELLS // n_items)
    for start in range(0, chosen.size, step):
        target = hidden[start : start + step, None]
        number = np.arange(target.size)[:, None]
        left = several[of_basket[start : start + step]].toarray()
        left[number, target] = 0
        scores = (sparse.csr_matrix(left) @ similarity).toarray()
        goal = scores[number, target]
        better = (scores > goal) | ((scores == goal) & (place < place[target]))
        hits += int((np.sum(better & (left == 0), axis=1) < hits_at).sum())
    return HitRate(hits / chosen.size, int(chosen.size))
