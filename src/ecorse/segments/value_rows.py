"""The rows of ``customer_value``: what is expected of each customer, and when the next order comes.

What belongs here: figures to a frame. What does not: the figures (``value_tiers``), what a column
means (``value_tables``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ecorse.segments.purchase_days import PurchaseDays

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Expected:
    """Figures of each customer with a purchase, by its number in ``known``."""

    known: npt.NDArray[np.int64]
    alive: Floats
    purchases: Floats
    spend: Floats
    value: Floats


@dataclass(frozen=True)
class NextOrder:
    """Days until the next order of each: the middle of an interval and its ends; NaN is none."""

    low: Floats
    middle: Floats
    high: Floats


def value_rows(
    ids: pl.Series,
    days: PurchaseDays,
    expected: Expected | None,
    ahead: NextOrder,
    *,
    days_ahead: int,
    interval_share: float,
    is_calibrated: bool | None,
) -> pl.DataFrame:
    """The rows of ``customer_value``, without shop and segmentation: one per known customer.

    ``ids`` are those of all customers. The chance to be alive is told of who bought several times.
    """
    known = days.known()
    several = days.counts().repeats > 0
    nothing = np.full(len(known), np.nan)
    alive = np.where(several, expected.alive, np.nan) if expected else nothing
    last = pl.Series([days.last], dtype=pl.Int32).cast(pl.Date)[0]

    def numbers(values: Floats) -> pl.Series:
        return pl.Series(values, dtype=pl.Float64, nan_to_null=True)

    def dates(ahead: Floats) -> pl.Series:
        return (numbers(ahead) + days.last).cast(pl.Int32).cast(pl.Date)

    return pl.DataFrame(
        {
            "customer_id": ids.gather(known).cast(pl.String),
            "purchase_days": pl.Series(days.purchases()[known], dtype=pl.Int64),
            "last_purchase_date": pl.Series(days.last_days(), dtype=pl.Int64)
            .cast(pl.Int32)
            .cast(pl.Date),
            "as_of_date": pl.repeat(last, len(known), dtype=pl.Date, eager=True),
            "days_ahead": pl.repeat(days_ahead, len(known), dtype=pl.Int64, eager=True),
            "basis": pl.Series(
                np.where(several, "several purchases", "one purchase"), dtype=pl.String
            ),
            "alive_probability": numbers(alive),
            "expected_purchases": numbers(expected.purchases if expected else nothing),
            "expected_spend": numbers(expected.spend if expected else nothing),
            "expected_value": numbers(expected.value if expected else nothing),
            "is_calibrated": pl.repeat(is_calibrated, len(known), dtype=pl.Boolean, eager=True),
            "next_order_date": dates(ahead.middle),
            "next_order_from": dates(ahead.low),
            "next_order_to": dates(ahead.high),
            "interval_share": numbers(np.where(np.isfinite(ahead.high), interval_share, np.nan)),
        }
    )
