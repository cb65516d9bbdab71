"""What an ``[[also]]`` says on each row: the money it adds, and which way it goes.

What belongs here: amounts and their signs. What does not: the lines that are made of them
(``added``), what orders say once (``said``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from ecorse.clean.expressions import Compiled
from ecorse.sources.mappings.beside import AlsoTable
from ecorse.sources.mappings.money import MONEY

AS_STATED = ("refund", "adjustment")  # which way their money goes is theirs, not the row's
TAKING_OFF = ("discount", "voucher")


@dataclass(frozen=True)
class Also:
    """A declared ``[[also]]``, made ready for a typed frame.

    ``orders`` are what states an amount once (orders, say), ``at`` its instants and wall clocks.
    ``is_inside``: it is tax that the row's own money holds. ``within`` is tax that its amount
    holds, above 0; ``is_beyond``: that is more than can be.
    """

    declared: AlsoTable
    amount: Compiled
    when: pl.Expr | None
    orders: pl.Series | None
    at: tuple[pl.Series, pl.Series] | None = None
    is_inside: bool = False
    within: pl.Expr | None = None
    is_beyond: pl.Expr | None = None


class Stated(NamedTuple):
    """What an ``[[also]]`` says on each row.

    ``money`` is what it adds, in ten-thousandths (Int64): null where nothing is said;
    ``within`` the part of it that is tax. ``is_lost``: it cannot be worked out. ``by_status``: it
    goes back with a row that its status takes back, ``is_back``: with one taken back by whatever.
    """

    money: pl.Series
    is_lost: pl.Series
    within: pl.Series
    by_status: pl.Series
    is_back: pl.Series


def stated(frame: pl.DataFrame, lines: pl.DataFrame, one: Also) -> Stated:
    """What an ``[[also]]`` adds beside rows.

    A value beside a row that is taken back (by pieces below 0, or by its status) goes back with
    it, whatever its sign: it takes off what it would add beside a sale. Only refunds are as they
    are stated, and adjustments beside pieces below 0.

    Parameters
    ----------
    frame
        Typed rows.
    lines
        ``quantity`` and ``status`` of the same rows.
    """
    kind, when = one.declared.kind, pl.lit(True) if one.when is None else one.when
    amount = one.amount.expr.cast(MONEY, strict=False)
    lost = one.amount.expr.is_not_null()
    if one.amount.lost is not None:
        lost |= one.amount.lost
    cannot_be = when & amount.is_null() & lost
    if one.is_beyond is not None:
        cannot_be |= one.is_beyond
    within = pl.lit(0) if one.within is None else one.within
    given = frame.select(
        pl.first().alias("_first"),
        pl.when(when).then(amount).alias("amount"),
        cannot_be.fill_null(False).alias("is_lost"),
        within.cast(MONEY, strict=False).to_physical().cast(pl.Int64).alias("within"),
    ).with_columns(lines["quantity"], lines["status"].fill_null("sold"))
    below, is_sold = pl.col("quantity") < 0, pl.col("status") == "sold"
    by_status = ~is_sold & ~below if kind != "refund" else pl.lit(False)
    is_back = by_status | below if kind not in AS_STATED else by_status
    value = pl.col("amount").to_physical().cast(pl.Int64)
    as_stated = value if one.declared.sign == "+" else -value
    off = one.declared.sign == "-" or kind in TAKING_OFF
    if one.is_inside:  # as it was taken out of the row's money
        inside = value.abs() * pl.col("quantity").sign().cast(pl.Int64)
        money = pl.when(by_status).then(-inside).otherwise(inside)
    elif kind in AS_STATED:
        money = pl.when(by_status).then(-as_stated).otherwise(as_stated)
    else:
        money = pl.when(is_back).then(value.abs() if off else -value.abs()).otherwise(as_stated)
    found = given.select(
        money.alias("money"),
        "is_lost",
        (money.sign() * pl.col("within")).alias("within"),
        by_status.fill_null(False).alias("by_status"),
        is_back.fill_null(False).alias("is_back"),
        pl.first().alias("_first"),
    )
    return Stated(*(found[name] for name in Stated._fields))
