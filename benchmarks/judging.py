"""What the benchmarks of recommenders share: rows for a model, and figures of lists per case.

What belongs here: matrix to ``Interactions``, making a model by its name, nDCG and recall of each
case, intervals. What does not: data and peers (``bench_*``).
"""

from __future__ import annotations

import resource
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ecorse import declared, registry
from ecorse.models.base import Recommender, Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr, Floats, Ids, Ranked

TASK = Task("bench", "bench", seed=1)
RESAMPLES = 1000


def as_data(matrix: Csr) -> Interactions:
    """A matrix ``(n_users, n_items)`` as a recommender gets it: bought on days of one year."""
    user = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    day = np.random.default_rng(1).integers(0, 365, user.size)
    rows = pl.DataFrame({"item": matrix.indices, "user": user, "day": day}).select(
        pl.col("item", "user").cast(pl.UInt32),
        basket=(pl.col("user") * 365 + pl.col("day")).rank("dense").cast(pl.UInt32) - 1,
        at=pl.datetime(2019, 1, 1) + pl.duration(days="day"),
        kind=pl.lit("purchase", pl.Enum(["purchase"])),
        weight=pl.Series(matrix.data.astype(np.float32)),
    )
    items, users = (
        pl.select(pl.int_range(n).cast(pl.String).alias(name))
        for n, name in ((matrix.shape[1], "product_id"), (matrix.shape[0], "customer_id"))
    )
    return Interactions(items, users, rows)


def make(name: str, parameters: dict[str, Any] | None = None) -> Recommender:
    """An unfitted recommender, its parameters checked as those of a declaration are."""
    model = registry.load("recommender", name)
    made: Recommender = model(declared.check(parameters or {}, model.config_class, name))
    return made


def figures(ranked: Ranked, later: Csr, k: int) -> dict[str, Floats]:
    """nDCG and recall at ``k`` of each row's list, ``(n,)`` each; recall is of all that was wanted.

    Parameters
    ----------
    later
        ``(n, n_items)`` what each of the rows wanted; 0 where that is nothing.
    """
    n, n_items = later.shape
    rows = np.repeat(np.arange(n), np.diff(later.indptr))
    keys = rows * np.int64(n_items) + later.indices
    items = ranked.items[:, :k]
    asked = np.arange(n)[:, None] * np.int64(n_items) + items
    is_hit = (items >= 0) & np.isin(asked, keys)
    discount = 1 / np.log2(np.arange(k) + 2)
    ideal = np.concatenate([[0.0], np.cumsum(discount)])
    sizes = np.diff(later.indptr)
    return {
        f"nDCG@{k}": (is_hit * discount[: items.shape[1]]).sum(axis=1)
        / ideal[np.clip(sizes, 1, k)],
        f"recall@{k}": is_hit.sum(axis=1) / np.maximum(sizes, 1),
    }


def interval(values: Floats) -> tuple[float, float, float]:
    """Mean and 95 % interval by the bootstrap over cases, seeded."""
    rng = np.random.default_rng(1)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def without(later: Csr, earlier: Csr) -> Csr:
    """What was wanted later and not had earlier."""
    found = sparse.csr_matrix(later - later.multiply(earlier.astype(bool)))
    found.eliminate_zeros()
    return found


def cases_of(earlier: Csr, later: Csr) -> Ids:
    """Rows with something earlier and something later."""
    found: Ids = np.flatnonzero((np.diff(earlier.indptr) > 0) & (np.diff(later.indptr) > 0))
    return found


def peak_mb() -> float:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
