"""Order lines as signed amounts: which part of a platform's figures a line's money is.

What belongs here: parts, signs, and the days of an amount. What does not: where lines come from
(``lines``), which of them a report counts (``search``).

Amounts are whole ten-thousandths of the currency, signed as money: what is taken off is below 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.numbers import SCALE

Series = NDArray[np.int64]

UNIT = 10**SCALE
GROUPS = ("shipping", "taxes", "tips", "gift_cards", "fees")
GOODS = frozenset({"gross", "discounts", "returns"})
ORDERS = "orders"
LINE: dict[str, pl.DataType] = {
    "order_id": pl.String(), "quantity": pl.Int64(), "unit_price": pl.Int64(),
    "line_amount": pl.Int64(), "discount_amount": pl.Int64(), "status": pl.String(),
    "line_kind": pl.String(), "ordered_at": pl.Datetime("us", "UTC"),
    "ordered_local": pl.Datetime("us"), "refunded_at": pl.Datetime("us", "UTC"),
    "is_date_only": pl.Boolean(),
}  # fmt: skip
COUNTED, CANCELLED = "counted", "cancelled"
KINDS = {
    "shipping": "shipping", "tax": "taxes", "tip": "tips", "gift_card": "gift_cards",
    "fee": "fees", "adjustment": "fees", "manual": "fees", "sample": "fees",
}  # fmt: skip


@dataclass(frozen=True)
class Holds:
    """The parts that a figure is the sum of: of what was sold, and of what was given back."""

    sold: frozenset[str]
    back: frozenset[str]

    @property
    def parts(self) -> frozenset[str]:
        """All of them."""
        return self.sold | self.back

    def turned(self, group: str) -> Holds:
        """With a group counted in where it is not, or left out where it is."""
        back = f"{group}_back"
        if group in self.sold or back in self.back:
            return Holds(self.sold - {group}, self.back - {back})
        return Holds(
            self.sold | ({group} if self.sold & GOODS else set()),
            self.back | ({back} if self.back & GOODS else set()),
        )


def amounts_of(lines: pl.DataFrame, pool: str = COUNTED) -> pl.DataFrame:
    """Signed amounts of order lines, one or two per line, and one per order that counts it.

    Parameters
    ----------
    lines
        ``order_id, quantity, unit_price, line_amount, discount_amount, status, line_kind,
        ordered_at, ordered_local, refunded_at, is_date_only`` (``LINE``): money in whole
        ten-thousandths, instants in UTC.

    Returns
    -------
    DataFrame
        ``order_id, part, amount, at, at_date, back_at, is_dated, is_unsplit, pool``. ``at_date``
        is the day as the file says it, where it tells no time of day. ``is_dated`` is false for
        what was given back on a day that the file does not tell, ``is_unsplit`` true for an
        amount of which it does not tell what it was for.
    """
    is_sold = pl.col("status") == "sold"
    pieces = pl.col("quantity").cast(pl.Int64)
    price, stated = pl.col("unit_price"), pl.col("line_amount")
    sign = pl.when(is_sold | (pieces < 0)).then(1).otherwise(-1)
    kind = pl.col("line_kind")
    off = pl.col("discount_amount").fill_null(0)
    off = pl.when(pieces < 0).then(-off).otherwise(off)
    is_goods = kind.is_in(["product", "included_tax"])
    is_off = kind.is_in(["discount", "voucher"])
    is_refund = kind == "refund"
    part = (
        pl.when(is_refund | ((is_goods | is_off) & ~is_sold))
        .then(pl.lit("returns"))
        .when(is_goods)
        .then(pl.lit("gross"))
        .when(is_off)
        .then(pl.lit("discounts"))
        .when(is_sold)
        .then(kind.replace_strict(KINDS, default="fees", return_dtype=pl.String))
        .otherwise(
            kind.replace_strict(KINDS, default="fees", return_dtype=pl.String) + pl.lit("_back")
        )
    )
    is_back = part.str.ends_with("_back") | (part == "returns")
    has_own_discount = (part == "gross") & (kind == "product")
    common = lines.select(
        "order_id",
        part.alias("part"),
        (sign * pl.coalesce(stated, pieces * price)
         + pl.when(has_own_discount).then(sign * off).otherwise(0)).alias("amount"),
        pl.when(has_own_discount).then(-sign * off).otherwise(0).alias("_off"),
        _naive("ordered_at").alias("at"),
        pl.when(pl.col("is_date_only").fill_null(False))
        .then(pl.col("ordered_local").dt.date())
        .alias("at_date"),
        pl.when(is_back).then(_naive("refunded_at")).alias("back_at"),
        (~is_back | pl.col("refunded_at").is_not_null()).alias("is_dated"),
        is_refund.alias("is_unsplit"),
        is_sold.alias("_sold"),
    )  # fmt: skip
    discounts = common.filter(pl.col("_off") != 0).with_columns(
        part=pl.lit("discounts"), amount=pl.col("_off")
    )
    orders = (
        common.filter("_sold")
        .sort("at", maintain_order=True)
        .unique("order_id", keep="first", maintain_order=True)
        .with_columns(
            part=pl.lit(ORDERS), amount=pl.lit(UNIT, pl.Int64), is_dated=True,
            is_unsplit=False,
            back_at=pl.lit(None, pl.Datetime("us")),
        )
    )  # fmt: skip
    made = pl.concat([common, discounts, orders], how="diagonal_relaxed").drop("_off", "_sold")
    return made.filter(pl.col("amount") != 0).with_columns(pool=pl.lit(pool))


def _naive(name: str) -> pl.Expr:
    """An instant in UTC, without its zone."""
    return (
        pl.col(name).dt.convert_time_zone("UTC").dt.replace_time_zone(None).dt.cast_time_unit("us")
    )


def with_cancelled(amounts: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Put the orders of which all was called off into a pool of their own."""
    off = lines.filter(pl.col("status") == "cancelled")["order_id"].unique()
    worth = amounts.filter(
        pl.col("order_id").is_in(off.implode()), pl.col("part") != ORDERS
    ).group_by("order_id").agg(pl.col("amount").sum())  # fmt: skip
    nothing = worth.filter(pl.col("amount") == 0)["order_id"]
    is_off = pl.col("order_id").is_in(nothing.implode())
    return amounts.with_columns(
        pl.when(is_off).then(pl.lit(CANCELLED)).otherwise("pool").alias("pool")
    )


def quarters(amounts: pl.DataFrame) -> pl.DataFrame:
    """Amounts summed by the quarter of an hour: offsets of time zones are whole quarters."""
    return (
        amounts.with_columns(pl.col("at", "back_at").dt.truncate("15m"))
        .group_by("part", "pool", "is_dated", "at", "at_date", "back_at")
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


@dataclass(frozen=True)
class Daily:
    """Amounts per day in one time zone, by pool and part.

    ``order`` has everything on the order's day; ``event`` what was given back on its own day, where
    it has one, and nothing where it has none; ``undated`` what has none, on the order's day.
    """

    zone: str
    order: Mapping[tuple[str, str], Series]
    event: Mapping[tuple[str, str], Series]
    undated: Mapping[tuple[str, str], Series]


def local_date(at: str, date_column: str | None, zone: str) -> pl.Expr:
    """The day of an instant on a zone's wall clock; a day that the file states stays as it is."""
    there = pl.col(at).dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date()
    return pl.coalesce(date_column, there) if date_column else there


def daily(sums: pl.DataFrame, days: Days | None, zone: str) -> Daily:
    """Sum the quarters of an hour by the days of a zone; what is outside of ``days`` is not in."""
    order, back = local_date("at", "at_date", zone), local_date("back_at", None, zone)
    if days is None:
        order, back = pl.lit(0, pl.Int64), pl.lit(None, pl.Int64)
    else:
        order, back = days.place(order), days.place(back)
    placed = sums.select(
        "part", "pool", "amount", "is_dated", order.alias("order"), back.alias("back")
    )
    length = len(days) if days else 1
    back_or_order = pl.coalesce("back", "order")
    return Daily(
        zone,
        _series(placed.with_columns(day="order"), length),
        _series(placed.filter("is_dated").with_columns(day=back_or_order), length),
        _series(placed.filter(~pl.col("is_dated")).with_columns(day="order"), length),
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
