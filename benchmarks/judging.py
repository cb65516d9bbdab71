"""What the benchmarks of recommenders share: rows for a model, making one, figures of its lists.

What belongs here: matrix to ``Interactions``, models by name or as shipped, telling means. What
does not: data and peers (``bench_*``), metrics and intervals (``ecorse.evaluate``).
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ecorse import declared, registry
from ecorse.evaluate.cases import Cases, Questions
from ecorse.evaluate.intervals import Mean, means
from ecorse.models.base import Recommender, Task
from ecorse.models.declaration import Declaration, read_declarations
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr
from ecorse.settings import PROJECT_DIR

TASK = Task("bench", "bench", seed=1)


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


def make(name: str, parameters: Mapping[str, Any] | None = None) -> Recommender:
    """An unfitted recommender, its parameters checked as those of a declaration are."""
    model = registry.load("recommender", name)
    made: Recommender = model(declared.check(dict(parameters or {}), model.config_class, name))
    return made


def shipped(name: str) -> Declaration:
    """The declaration that the project ships."""
    path = PROJECT_DIR / "include" / "models" / f"recommend_{name}.toml"
    return read_declarations([path])[0]


def asked(earlier: Csr, later: Csr) -> Questions:
    """Whoever has something in both parts is asked for what is in the later one."""
    users = np.flatnonzero((np.diff(earlier.indptr) > 0) & (np.diff(later.indptr) > 0))
    wanted, had = later[users].astype(np.float64), earlier[users].astype(np.float64)
    nothing = sparse.csr_matrix(had.shape)
    is_new = np.asarray(earlier.sum(axis=0)).ravel() == 0
    return Questions(0, "explore", users, wanted, had, nothing, is_new)


def mean_of(cases: Cases, metric: str | None = None) -> Mean:
    """The mean of a metric, the primary one if none is named, with its 95 % interval."""
    values = cases.gains[metric or cases.primary]
    return means(cases.users, cases.origin, values[:, None], TASK.seed)[0]


def told(mean: Mean) -> str:
    """Value and interval, as tables have them."""
    if mean.value is None or mean.low is None or mean.high is None:
        return "no case"
    return f"{mean.value:.4f} [{mean.low:.4f}, {mean.high:.4f}]"


def peak_mb() -> float:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
