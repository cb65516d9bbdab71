"""Amounts per day: on the order's day, on their own, or on the day they are paid out.

What belongs here: days, and sums of amounts by them. What does not: what an amount is
(``amounts``), which of them a report counts (``search``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from ecorse.reports.reconcile.amounts import Series


def quarters(amounts: pl.DataFrame) -> pl.DataFrame:
    """Amounts summed by the quarter of an hour: offsets of time zones are whole quarters."""
    return (
        amounts.with_columns(pl.col("at", "back_at").dt.truncate("15m"))
        .group_by("part", "pool", "undated", "at", "at_date", "back_at", "paid_date")
        .agg(pl.col("amount").sum())
    )


@dataclass(frozen=True)
class Days:
    """The days that a report is about, the first and the last of them in."""

    first: date
    last: date

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def place(self, of: pl.Expr) -> pl.Expr:
        """The number of a date's day."""
        return (of - pl.lit(self.first)).dt.total_days()


ByPart = Mapping[tuple[str, str], Series]


@dataclass(frozen=True)
class Daily:
    """Amounts per day in one time zone, by pool and part.

    ``order`` has everything on the order's day; ``event`` what was given back on its own day, where
    it has one, and nothing where it has none; ``undated`` what has none, on the order's day, by
    what it is told as; ``paid`` everything on the day on which it is paid out, if that is known.
    """

    zone: str
    order: ByPart
    event: ByPart
    undated: Mapping[str, ByPart]
    paid: ByPart


def local_date(at: str, date_column: str | None, zone: str) -> pl.Expr:
    """The day of an instant on a zone's wall clock; a day that the file states stays as it is."""
    there = pl.col(at).dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date()
    return pl.coalesce(date_column, there) if date_column else there


def daily(sums: pl.DataFrame, days: Days | None, zone: str) -> Daily:
    """Sum the quarters of an hour by the days of a zone; what is outside of ``days`` is not in."""
    order, back = local_date("at", "at_date", zone), local_date("back_at", None, zone)
    paid = pl.col("paid_date")
    if days is None:
        order, back, paid = pl.lit(0, pl.Int64), pl.lit(None, pl.Int64), pl.lit(0, pl.Int64)
    else:
        order, back, paid = days.place(order), days.place(back), days.place(paid)
    placed = sums.select(
        "part", "pool", "amount", "undated",
        order.alias("order"), back.alias("back"), paid.alias("paid"),
    )  # fmt: skip
    length = len(days) if days else 1
    kinds = placed["undated"].drop_nulls().unique().sort()
    return Daily(
        zone,
        _series(placed.with_columns(day="order"), length),
        _series(
            placed.filter(pl.col("undated").is_null()).with_columns(
                day=pl.coalesce("back", "order")
            ),
            length,
        ),
        {
            kind: _series(placed.filter(undated=kind).with_columns(day="order"), length)
            for kind in kinds
        },
        _series(placed.with_columns(day="paid"), length),
    )


def _series(placed: pl.DataFrame, length: int) -> dict[tuple[str, str], Series]:
    inside = placed.filter(pl.col("day").is_between(0, length - 1))
    summed = inside.group_by("pool", "part", "day").agg(pl.col("amount").sum())
    made: dict[tuple[str, str], Series] = {}
    for (pool, part), group in summed.group_by("pool", "part"):
        series = np.zeros(length, np.int64)
        series[group["day"].to_numpy()] = group["amount"].to_numpy()
        made[str(pool), str(part)] = series
    return made
