"""Order lines as signed amounts: which part of a platform's figures a line's money is.

What belongs here: parts, signs, whole cents. What does not: where lines come from (``lines``), sums
per day (``daily``), which of them a report counts (``search``).

Amounts are whole ten-thousandths of the currency, signed as money: what is taken off is below 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.numbers import SCALE

Series = NDArray[np.int64]

UNIT = 10**SCALE
GROUPS = ("shipping", "taxes", "tips", "gift_cards", "fees", "adjustments")
GOODS = frozenset({"gross", "discounts", "returns"})
ORDERS = "orders"
LINE: dict[str, pl.DataType] = {
    "order_id": pl.String(), "quantity": pl.Int64(), "unit_price": pl.Int64(),
    "line_amount": pl.Int64(), "discount_amount": pl.Int64(), "status": pl.String(),
    "line_kind": pl.String(), "ordered_at": pl.Datetime("us", "UTC"),
    "ordered_local": pl.Datetime("us"), "refunded_at": pl.Datetime("us", "UTC"),
    "is_date_only": pl.Boolean(), "paid_date": pl.Date(),
}  # fmt: skip
COUNTED, CANCELLED = "counted", "cancelled"
# what was given back on a day that the files do not tell, by the cause that it is told as
REFUND_DAY_UNKNOWN, CANCEL_DAY_UNKNOWN = "refund_day_unknown", "cancel_day_unknown"
CENT = UNIT // 100
# how a report may come to whole cents: of each line, of an order's lines of one kind
PER_LINE, PER_LINE_EVEN, PER_ORDER = "line", "line_even", "order"
ROUNDINGS = (PER_LINE, PER_LINE_EVEN, PER_ORDER)
KINDS = {
    "shipping": "shipping", "tax": "taxes", "tip": "tips", "gift_card": "gift_cards", "fee": "fees",
}  # fmt: skip
OTHER = "adjustments"  # adjustments, manual lines, samples: only what says so is a fee


def money(amount: int) -> str:
    """Whole ten-thousandths as money: to the cent, or further where there is more."""
    value = Decimal(int(amount)).scaleb(-SCALE)
    return f"{value:,.2f}" if amount % CENT == 0 else f"{value:,.4f}"


@dataclass(frozen=True)
class Holds:
    """The parts that a figure is the sum of: of what was sold, and of what came later.

    ``back``: what was given back, and fees and adjustments with a day of their own.
    """

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
        The columns ``LINE``: money in whole ten-thousandths, instants in UTC. ``paid_date`` is the
        day on which the money is paid out, where the files have one.

    Returns
    -------
    DataFrame
        ``order_id, part, amount, at, at_date, back_at, paid_date, undated, is_unsplit, pool``.
        ``at_date`` is the day as the file says it, where it tells no time of day. ``undated`` is
        the cause by which an amount is told that was given back on a day that the file does not
        tell, and null for any other: a return that is a row with a time of its own has that.
        ``is_unsplit`` is true for an amount of which it does not tell what it was for. A part that
        ends with ``_back`` was given back, or has a day of its own beside that of its order, as a
        fee may have that was taken later.
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
    group = kind.replace_strict(KINDS, default=OTHER, return_dtype=pl.String)
    part = (
        pl.when(is_refund | ((is_goods | is_off) & ~is_sold))
        .then(pl.lit("returns"))
        .when(is_goods)
        .then(pl.lit("gross"))
        .when(is_off)
        .then(pl.lit("discounts"))
        .when(is_sold & pl.col("refunded_at").is_null())
        .then(group)
        .otherwise(group + pl.lit("_back"))
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
        "paid_date",
        pl.when(is_back & pl.col("refunded_at").is_null() & ~_has_own_day())
        .then(
            pl.when(pl.col("status") == "cancelled")
            .then(pl.lit(CANCEL_DAY_UNKNOWN))
            .otherwise(pl.lit(REFUND_DAY_UNKNOWN))
        )
        .alias("undated"),
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
            part=pl.lit(ORDERS), amount=pl.lit(UNIT, pl.Int64), is_unsplit=False,
            undated=pl.lit(None, pl.String), back_at=pl.lit(None, pl.Datetime("us")),
        )
    )  # fmt: skip
    made = pl.concat([common, discounts, orders], how="diagonal_relaxed").drop("_off", "_sold")
    return made.filter(pl.col("amount") != 0).with_columns(pool=pl.lit(pool))


def _has_own_day() -> pl.Expr:
    """Lines that are no part of a sale's row: at another time than every sale of their order."""
    is_sold = pl.col("status") == "sold"
    is_sale_of_order = is_sold.any().over("order_id")
    return (
        pl.when(is_sale_of_order)
        .then(~is_sold.any().over("order_id", "ordered_at"))
        .otherwise((pl.col("quantity") < 0) & (pl.col("line_kind") == "product"))
    )


def _naive(name: str) -> pl.Expr:
    """An instant in UTC, without its zone."""
    return (
        pl.col(name).dt.convert_time_zone("UTC").dt.replace_time_zone(None).dt.cast_time_unit("us")
    )


def with_cancelled(amounts: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Put the orders of which all was called off into a pool of their own.

    These are orders with cancelled lines of which no money is left, or of which no line is sold:
    their sale is another order, or in no file.
    """
    of_order = lines.group_by("order_id").agg(
        (pl.col("status") == "cancelled").any().alias("_off"),
        (pl.col("status") == "sold").any().alias("_sold"),
    )
    worth = (
        amounts.filter(pl.col("part") != ORDERS)
        .group_by("order_id")
        .agg(pl.col("amount").sum().alias("_worth"))
    )
    off = of_order.join(worth, on="order_id", how="left").filter(
        "_off", ~pl.col("_sold") | (pl.col("_worth").fill_null(0) == 0)
    )["order_id"]
    is_off = pl.col("order_id").is_in(off.implode())
    return amounts.with_columns(
        pl.when(is_off).then(pl.lit(CANCELLED)).otherwise("pool").alias("pool")
    )


def has_parts_of_cents() -> pl.Expr:
    """Whether an amount is no whole number of cents."""
    has: pl.Expr = pl.col("amount") % CENT != 0
    return has


def rounded(amounts: pl.DataFrame, how: str) -> pl.DataFrame:
    """Amounts in whole cents: each by itself, or an order's amounts of one part together.

    Halves go away from zero; by ``PER_LINE_EVEN`` to the even cent.
    """
    if how == PER_ORDER:
        keys = [name for name in amounts.columns if name != "amount"]
        amounts = amounts.group_by(keys, maintain_order=True).agg(pl.col("amount").sum())
    whole, rest = pl.col("amount").abs() // CENT, pl.col("amount").abs() % CENT
    is_up = rest * 2 >= CENT
    if how == PER_LINE_EVEN:
        is_up = (rest * 2 > CENT) | ((rest * 2 == CENT) & (whole % 2 == 1))
    cents = (whole + is_up.cast(pl.Int64)) * CENT
    return amounts.with_columns(amount=pl.col("amount").sign() * cents)
