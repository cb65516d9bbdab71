"""Each customer's days of purchase, and what was known of them on any earlier day.

What belongs here: days and worth per customer, from the lines of a segmentation. What does not:
models of them (``purchases_ahead``, ``spend_ahead``).

Orders of one day are one purchase: who pays twice within an hour has not come back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ecorse.errors import DataError
from ecorse.models.space import FeatureSpace
from ecorse.segments.purchases_ahead import Counts

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.int64]
COLUMNS = ("order_date", "shop_last_date", "is_purchase", "worth")


@dataclass(frozen=True)
class PurchaseDays:
    """The different purchase days of a shop's customers, sorted by customer and day.

    Attributes
    ----------
    n : how many customers there are.
    customer : ``(m,)`` whose day it is, 0 to ``n - 1``.
    day : ``(m,)`` in days since 1970-01-01.
    worth : ``(m,)`` net money of the day; what was taken back on a day without a purchase counts
        on the purchase day before.
    last : the day of the look: the shop's last day with an order.
    """

    n: int
    customer: Days
    day: Days
    worth: Floats
    last: int

    def until(self, day: int) -> PurchaseDays:
        """What was known at the end of ``day``; customers keep their numbers."""
        known = self.day <= day
        return PurchaseDays(
            self.n, self.customer[known], self.day[known], self.worth[known], min(day, self.last)
        )

    def purchases(self) -> Days:
        """Purchase days of each customer, ``(n,)``."""
        return np.bincount(self.customer, minlength=self.n)

    def known(self) -> Days:
        """The numbers of those with a purchase, ascending."""
        return np.flatnonzero(self.purchases())

    def first_days(self) -> Days:
        """The first purchase day of each of ``known``."""
        return self.day[np.searchsorted(self.customer, self.known(), side="left")]

    def last_days(self) -> Days:
        """The last purchase day of each of ``known``."""
        return self.day[np.searchsorted(self.customer, self.known(), side="right") - 1]

    def counts(self) -> Counts:
        """What the model of purchases reads, of each of ``known``."""
        known = self.known()
        first, last = self.first_days(), self.last_days()
        return Counts(
            (self.purchases()[known] - 1).astype(np.float64),
            (last - first).astype(np.float64),
            (self.last - first).astype(np.float64),
        )

    def mean_worth(self) -> Floats:
        """Net money of a purchase day of each of ``known``."""
        sums = np.bincount(self.customer, self.worth, minlength=self.n)
        known = self.known()
        return sums[known] / self.purchases()[known]

    def next_days(self, day: int) -> Floats:
        """Of each of ``until(day).known()`` the days from ``day`` to the next purchase, or inf."""
        known = self.until(day).known()
        later = self.day > day
        first = np.full(self.n, np.inf)
        np.minimum.at(first, self.customer[later], (self.day[later] - day).astype(np.float64))
        return first[known]

    def purchases_within(self, day: int, days: int) -> Days:
        """Of each of ``until(day).known()`` the purchase days in the ``days`` after ``day``."""
        there = (self.day > day) & (self.day <= day + days)
        return np.bincount(self.customer[there], minlength=self.n)[self.until(day).known()]


def purchase_days(space: FeatureSpace) -> PurchaseDays:
    """The purchase days behind a space whose lines have ``order_date``, ``shop_last_date``,
    ``is_purchase`` and ``worth``.

    Raises
    ------
    DataError
        The declaration's [inputs] select other columns.
    """
    frame = space.lines.frame
    if missing := [name for name in COLUMNS if name not in frame.columns]:
        raise DataError(
            f"Input 'lines' has no column {', '.join(missing)}; select order_date, shop_last_date, "
            "is_purchase and worth in [inputs], one row per order."
        )
    days = (
        frame.select(
            customer=pl.Series(space.lines.entity),
            day=pl.col("order_date").cast(pl.Date).cast(pl.Int32).cast(pl.Int64),
            bought=pl.col("is_purchase").cast(pl.Boolean),
            worth=pl.col("worth").cast(pl.Float64).fill_null(0.0),
        )
        .group_by("customer", "day", maintain_order=True)
        .agg(pl.col("bought").any(), pl.col("worth").sum())
        .sort("customer", "day")
    )
    # what is taken back later belongs to the purchase before it, and else to the first one
    place = days.select(
        (pl.col("bought").cast(pl.Int64).cum_sum().over("customer") - 1)
        .clip(lower_bound=0)
        .alias("place")
    )["place"]
    by_purchase = (
        days.with_columns(place=place)
        .group_by("customer", "place", maintain_order=True)
        .agg(
            pl.col("day").filter(pl.col("bought")).first().alias("day"),
            pl.col("worth").sum(),
        )
        .drop_nulls("day")
        .sort("customer", "day")
    )
    last = frame["shop_last_date"].cast(pl.Date).cast(pl.Int32).max()
    return PurchaseDays(
        space.n,
        by_purchase["customer"].to_numpy().astype(np.int64),
        by_purchase["day"].to_numpy().astype(np.int64),
        by_purchase["worth"].to_numpy().astype(np.float64),
        int(last) if isinstance(last, int) else 0,
    )
