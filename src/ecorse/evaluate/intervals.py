"""Means over cases with their intervals, and the difference of two methods on the same cases.

What belongs here: the bootstrap over customers. What does not: what is averaged (``cases``).

Customers are drawn and not cases: what one customer does after three origins is not three
independent facts. Customers with the same figures are drawn as one group, by a multinomial count:
most have no hit at all, and 100,000 of them are a few thousand groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ecorse.errors import DataError
from ecorse.evaluate.cases import Bools, Cases
from ecorse.models.ranked import Floats, Ids
from ecorse.models.threads import one_thread

RESAMPLES = 1000
ENDS = (2.5, 97.5)  # percentiles: a 95 % interval
BLOCK_COUNTS = 4_000_000  # counts of groups that one block of resamples holds: 32 MB


@dataclass(frozen=True)
class Mean:
    """A mean over ``cases`` of ``customers``, and the ends of its 95 % interval.

    ``None`` where there is no case; no interval of fewer than two customers.
    """

    value: float | None
    low: float | None
    high: float | None
    cases: int
    customers: int

    def is_above(self, limit: float) -> bool:
        """Whether the whole interval is above."""
        return self.low is not None and self.low > limit

    def is_below(self, limit: float) -> bool:
        """Whether the whole interval is below."""
        return self.high is not None and self.high < limit

    @property
    def told(self) -> str:
        """The value with its sign and its interval."""
        if self.value is None or self.low is None:
            return "unknown"
        return f"{self.value:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def means(
    users: Ids, origin: Ids, values: Floats, seed: int, resamples: int = RESAMPLES
) -> list[Mean]:
    """The mean of each column over cases, with its percentile interval by seeded bootstrap.

    The same whatever the order of the cases.

    Parameters
    ----------
    users, origin
        ``(n,)`` whose case it is, and after which origin.
    values
        ``(n, m)``; NaN is no case of this column.

    Source: Efron, Tibshirani, An introduction to the bootstrap (1993), chapter 13; by customer:
    Field, Welsh, Bootstrapping clustered data, JRSS B 69 (2007),
    https://doi.org/10.1111/j.1467-9868.2007.00593.x
    """
    order = np.lexsort((origin, users))
    values = values[order]
    customers, of_case = np.unique(users[order], return_inverse=True)
    is_case = ~np.isnan(values)
    to_customer = sparse.csr_matrix(
        (np.ones(len(of_case)), (of_case, np.arange(len(of_case)))),
        shape=(len(customers), len(of_case)),
    )
    sums, counts = to_customer @ np.where(is_case, values, 0.0), to_customer @ is_case.astype(float)
    low, high = _ends(sums, counts, seed, resamples)
    found = []
    for column in range(values.shape[1]):
        cases, of = int(is_case[:, column].sum()), int((counts[:, column] > 0).sum())
        value = float(sums[:, column].sum() / cases) if cases else None
        ends: tuple[float | None, float | None] = (None, None)
        if value is not None and of > 1:  # sums of other order may differ in the last digit
            ends = min(value, float(low[column])), max(value, float(high[column]))
        found.append(Mean(value, ends[0], ends[1], cases, of))
    return found


def _ends(sums: Floats, counts: Floats, seed: int, resamples: int) -> tuple[Floats, Floats]:
    """Both ends ``(m,)`` of each column's ratio of sums to counts ``(customers, m)``."""
    n, m = sums.shape
    if not n or not m:
        return np.full(m, np.nan), np.full(m, np.nan)
    groups, sizes = np.unique(np.hstack([sums, counts]), axis=0, return_counts=True)
    random = np.random.default_rng(seed)
    step = max(1, BLOCK_COUNTS // len(groups))
    drawn = []
    with one_thread():
        for start in range(0, resamples, step):
            size = min(step, resamples - start)
            times = random.multinomial(n, sizes / n, size=size).astype(np.float64)
            drawn.append(times @ groups)
    totals = np.concatenate(drawn)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = totals[:, :m] / totals[:, m:]
    ratios[totals[:, m:] == 0] = np.nan  # nobody who counts was drawn
    ends = np.full((2, m), np.nan)
    if (is_drawn := ~np.isnan(ratios).all(axis=0)).any():
        ends[:, is_drawn] = np.nanpercentile(ratios[:, is_drawn], ENDS, axis=0)
    return ends[0], ends[1]


def paired(
    a: Cases, b: Cases, seed: int, metric: str | None = None, rows: Bools | None = None
) -> Mean:
    """By how much ``a`` is above ``b``, case by case, with its interval.

    Parameters
    ----------
    metric
        ``None``: the primary one.
    rows
        ``(n,)`` the cases of ``a`` that count; ``None``: all.

    Raises
    ------
    DataError
        They are not figures of the same cases.
    """
    name = metric or a.primary
    first, second = _order(a), _order(b)
    if (a.kind, a.k) != (b.kind, b.k) or not (
        np.array_equal(a.users[first], b.users[second])
        and np.array_equal(a.origin[first], b.origin[second])
    ):
        raise DataError(
            f"Two methods are compared on the same customers after the same origins: got "
            f"{len(a.users):,} cases of {a.kind!r} at {a.k} and {len(b.users):,} of {b.kind!r} at "
            f"{b.k}, which are not the same. Judge both on the same questions."
        )
    difference: npt.NDArray[np.float64] = np.empty(len(a.users))
    difference[first] = a.gains[name][first] - b.gains[name][second]
    kept = np.ones(len(a.users), dtype=bool) if rows is None else rows
    return means(a.users[kept], a.origin[kept], difference[kept, None], seed)[0]


def _order(cases: Cases) -> Ids:
    """The cases by origin and customer.

    Raises
    ------
    DataError
        A customer is asked about twice after one origin.
    """
    order = np.lexsort((cases.users, cases.origin))
    users, origin = cases.users[order], cases.origin[order]
    if ((users[1:] == users[:-1]) & (origin[1:] == origin[:-1])).any():
        raise DataError("A customer has two cases after one origin; each may count once.")
    return order
