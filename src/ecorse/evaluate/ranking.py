"""Judging recommenders: what they name of what really came later, as pure functions.

What belongs here: metrics of ranked lists and how their cases are made. What does not: any
recommender, the rule of promotion (``gate``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ecorse.models.ranked import Csr, Ids, Ranked

Z95 = 1.959963984540054  # the 97.5 % quantile of the normal distribution
BLOCK_CASES = 512


@dataclass(frozen=True)
class Score:
    """One figure of one method: its value, its 95 % interval, and how many cases it is made of.

    ``list``: the kind of list that is judged; empty where there is but one.
    """

    slice: str
    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    cases: int = 0
    is_primary: bool = False
    list: str = ""

    @property
    def standard_error(self) -> float:
        """Of a share, sqrt(p (1 - p) / n); 0 without cases."""
        if not self.cases or self.value is None:
            return 0.0
        return math.sqrt(self.value * (1 - self.value) / self.cases)


def share_score(
    name: str, metric: str, hits: int, cases: int, *, is_primary: bool = False
) -> Score:
    """A share with its Wilson interval; without cases there is no figure.

    Source: Wilson, Probable inference, JASA 22 (1927), https://doi.org/10.2307/2276774
    """
    if not cases:
        return Score(name, metric, None, cases=0, is_primary=is_primary)
    p, z2 = hits / cases, Z95**2
    centre = (p + z2 / (2 * cases)) / (1 + z2 / cases)
    reach = Z95 / (1 + z2 / cases) * math.sqrt(p * (1 - p) / cases + z2 / (4 * cases**2))
    return Score(
        name, metric, p, min(max(0.0, centre - reach), p), max(min(1.0, centre + reach), p),
        cases, is_primary,
    )  # fmt: skip


def hit_rate(
    answer: Callable[[Csr, int], Ranked], baskets: Csr, hits_at: int, max_cases: int
) -> Score:
    """Hide one product of a basket, ask for ``hits_at`` products, see whether it is among them.

    Parameters
    ----------
    answer
        ``Recommender.answer``: baskets ``(n, n_items)`` and k to ranked items.
    baskets
        ``(n_baskets, n_items)``, sparse, 1 where the basket holds the item; those of one item
        make no case.
    max_cases
        Of all (basket, product) pairs at most this many, evenly spread.

    Source: Deshpande, Karypis (2004), "Item-based top-N recommendation algorithms",
    https://doi.org/10.1145/963770.963776, section 6.1 (leave one out, hit rate).
    """
    several = baskets[np.diff(baskets.indptr) > 1]
    count = min(max_cases, several.nnz)
    metric = f"hit_rate_at_{hits_at}"
    if count == 0:
        return share_score("baskets", metric, 0, 0, is_primary=True)
    chosen = np.unique(np.linspace(0, several.nnz - 1, count).astype(np.int64))
    of_basket = np.repeat(np.arange(several.shape[0]), np.diff(several.indptr))[chosen]
    hidden = several.indices[chosen]
    hits = 0
    for start in range(0, chosen.size, BLOCK_CASES):
        asked, target = of_basket[start : start + BLOCK_CASES], hidden[start : start + BLOCK_CASES]
        ranked = answer(_without(several[asked], target), hits_at)
        hits += int((ranked.items == target[:, None]).any(axis=1).sum())
    return share_score("baskets", metric, hits, int(chosen.size), is_primary=True)


def _without(baskets: Csr, hidden: npt.NDArray[np.integer]) -> Csr:
    """The baskets, each without its hidden item."""
    row_of = np.repeat(np.arange(baskets.shape[0]), np.diff(baskets.indptr))
    kept = baskets.indices != hidden[row_of]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row_of[kept], minlength=baskets.shape[0]))])
    return sparse.csr_matrix((baskets.data[kept], baskets.indices[kept], indptr), baskets.shape)


def is_among(items: Ids, wanted: Csr) -> npt.NDArray[np.bool_]:
    """``(n, k)``: whether row ``i`` of ``wanted`` ``(n, n_items)`` stores ``items[i, j]``.

    An item of -1 is none.
    """
    n, n_items = wanted.shape
    rows = np.repeat(np.arange(n, dtype=np.int64), np.diff(wanted.indptr))
    keys = np.sort(rows * n_items + wanted.indices)
    if not keys.size:
        return np.zeros(items.shape, dtype=bool)
    asked = np.arange(n, dtype=np.int64)[:, None] * n_items + items
    place = np.minimum(np.searchsorted(keys, asked), keys.size - 1)
    is_found: npt.NDArray[np.bool_] = (keys[place] == asked) & (items >= 0)
    return is_found
