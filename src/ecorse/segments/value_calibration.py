"""How expectations of purchases would have held on earlier days.

What belongs here: rolling origins, what was expected beside what came, and when that is near
enough. What does not: the model (``purchases_ahead``), tiers and tables (``value_tiers``).

Source: Tashman, Out-of-sample tests of forecasting accuracy, Int. J. Forecasting 16 (2000).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ecorse.segments.purchase_days import PurchaseDays
from ecorse.segments.purchases_ahead import Counts, PurchasesAhead, fit_purchases

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
TENTHS = 10
LEAST_HISTORY = 2  # so many times the days ahead must lie before an origin
ALL, INTERVAL = "all", "interval"


@dataclass(frozen=True)
class Looked:
    """How far is looked ahead, from how many earlier days, and who gets a date.

    Attributes
    ----------
    days_ahead, origins : of ``[parameters]``.
    least_customers : with a repeat, for a model.
    interval_share, least_repeats : of the date of the next order.
    """

    days_ahead: int
    origins: int
    least_customers: int
    interval_share: float
    least_repeats: int


@dataclass(frozen=True)
class Row:
    """Expected beside actual of one slice at one origin, whose ``day`` counts from 1970-01-01."""

    day: int
    slice: str
    cases: int
    expected: float
    actual: float


@dataclass(frozen=True)
class Calibration:
    """All rows, the latest origin first; and from where on a miss is too far."""

    rows: tuple[Row, ...] = ()
    max_miss: float = 0.25
    max_interval_miss: float = 0.1
    least_cases: int = 50

    def holds(self, row: Row) -> bool | None:
        """Whether a row is near enough; ``None`` for tenths, which are shown only."""
        if row.slice == ALL:
            return abs(row.expected - row.actual) <= self.max_miss * row.actual
        if row.slice == INTERVAL:
            near = abs(row.expected - row.actual) <= self.max_interval_miss
            return near and row.cases >= self.least_cases
        return None

    @property
    def is_near(self) -> bool | None:
        """Whether the purchases expected of all came near enough, at every origin."""
        rows = [row for row in self.rows if row.slice == ALL]
        return all(self.holds(row) for row in rows) if rows else None

    @property
    def interval_holds(self) -> bool:
        """Whether intervals hit as often as they say, at every origin."""
        rows = [row for row in self.rows if row.slice == INTERVAL]
        return bool(rows) and all(self.holds(row) for row in rows)

    def frame(self) -> pl.DataFrame:
        """The rows of ``customer_value_calibration``, without shop and segmentation."""
        days = pl.Series([row.day for row in self.rows], dtype=pl.Int32).cast(pl.Date)
        return pl.DataFrame(
            {
                "origin_date": days,
                "slice": pl.Series([row.slice for row in self.rows], dtype=pl.String),
                "cases": pl.Series([row.cases for row in self.rows], dtype=pl.Int64),
                "expected": pl.Series([row.expected for row in self.rows], dtype=pl.Float64),
                "actual": pl.Series([row.actual for row in self.rows], dtype=pl.Float64),
                "holds": pl.Series([self.holds(row) for row in self.rows], dtype=pl.Boolean),
            }
        )

    def facts(self) -> list[dict[str, Any]]:
        """The rows, JSON-ready."""
        return [asdict(row) for row in self.rows]


def fit_days(days: PurchaseDays, least_customers: int) -> PurchasesAhead | None:
    """The model of these purchase days; ``None`` where fewer customers than that came back."""
    counts = days.counts()
    if (counts.repeats > 0).sum() < least_customers:
        return None
    return fit_purchases(counts)


def dated(model: PurchasesAhead, counts: Counts, looked: Looked) -> tuple[Mask, Floats, Floats]:
    """Who gets an interval for the next purchase, and its ends in days ahead, ``(n,)`` each.

    An end that lies further ahead than ``days_ahead`` was never tried, so it is not told.
    """
    low, high = (
        np.ceil(model.days_until(counts, (1.0 + sign * looked.interval_share) / 2.0))
        for sign in (-1, 1)
    )
    return (counts.repeats >= looked.least_repeats) & (high <= looked.days_ahead), low, high


def look_back(
    days: PurchaseDays,
    looked: Looked,
    sample: Callable[[PurchaseDays], PurchaseDays],
) -> list[Row]:
    """Expected and actual purchases at each earlier day that has enough before it.

    ``sample`` takes of what was known the customers whom the model is fitted to.
    """
    rows: list[Row] = []
    for back in range(1, looked.origins + 1):
        day = days.last - back * looked.days_ahead
        known = days.until(day)
        if not len(known.day) or day - known.day.min() < LEAST_HISTORY * looked.days_ahead:
            break
        model = fit_days(sample(known), looked.least_customers)
        if model is None:
            break
        rows += _at_origin(model, days, known, looked)
    return rows


def _at_origin(
    model: PurchasesAhead, days: PurchaseDays, known: PurchaseDays, looked: Looked
) -> Iterator[Row]:
    day, counts = known.last, known.counts()
    expected = model.expected(counts, looked.days_ahead)
    actual = days.purchases_within(day, looked.days_ahead).astype(np.float64)
    yield Row(day, ALL, len(actual), float(expected.mean()), float(actual.mean()))
    order = np.argsort(expected, kind="stable")
    for number, tenth in enumerate(np.array_split(order, TENTHS), start=1):
        if len(tenth):
            means = (float(expected[tenth].mean()), float(actual[tenth].mean()))
            yield Row(day, f"tenth {number:02d}", len(tenth), *means)
    shown, low, high = dated(model, counts, looked)
    after = days.next_days(day)[shown]
    hits = (low[shown] <= after) & (after <= high[shown])
    if len(hits):
        yield Row(day, INTERVAL, len(hits), looked.interval_share, float(hits.mean()))


def read_rows(facts: Sequence[dict[str, Any]]) -> tuple[Row, ...]:
    """The rows of ``Calibration.facts`` again."""
    return tuple(Row(**row) for row in facts)
