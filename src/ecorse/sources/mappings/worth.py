"""What rows that count nowhere would have added to the shop's money, had they counted.

What belongs here: the money of rejected and left-out rows by the rules of those that count. What
does not: which rows these are (``ecorse.clean``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import polars as pl

from ecorse.clean.account import signed
from ecorse.clean.foreign import row_currency
from ecorse.schema.staging import PIECES, STATUSES
from ecorse.sources.mappings.language import Language
from ecorse.sources.mappings.money import TOO_LARGE, line_money
from ecorse.sources.mappings.said import Once, SaidOnce
from ecorse.sources.mappings.stated import Also, Stated, stated
from ecorse.sources.mappings.taken_back import any_of, is_open


def worth(language: Language, frame: pl.DataFrame, aside: Mapping[int, SaidOnce]) -> pl.DataFrame:
    """``money`` in ten-thousandths and ``currency`` of typed rows; see ``schema.source.Valuing``.

    ``aside`` remembers what orders state once on such rows.
    """
    assert language.shop is not None
    declared = language.declared
    is_possible = pl.col("quantity").is_between(int(PIECES.least), int(PIECES.most))
    frame = language.said(frame)
    frame = frame.with_columns(
        pl.when(is_possible).then("quantity").alias("quantity"),
        row_currency(frame, language.shop).alias("currency"),
    )
    money = line_money(frame, language.included_tax(frame))
    lines = frame.with_columns(money.columns).with_columns(pl.col("status").fill_null("sold"))
    backs = language.taken_back(frame, Counter())
    is_back = any_of(backs, frame.height)
    if declared.taken_back_rows == "sales":
        is_back |= is_open(lines["status"], lines["quantity"])
    sold = pl.when(pl.lit(is_back)).then(pl.lit("sold")).otherwise("status")
    lines = lines.with_columns(sold.alias("status"))
    too_large = [r["_row"] for r in money.reasons if (r["rule"] == TOO_LARGE).any()]
    is_known = pl.col("status").is_in(STATUSES)
    if too_large:
        is_known &= ~pl.col("_row").is_in(pl.concat(too_large).implode())
    total = lines.select(pl.when(is_known).then(signed(lines.columns)).cast(pl.Int64))
    total.columns = ["money"]
    for number, one in enumerate(language.also(frame)):
        found = stated(frame, lines, one)
        if declared.tax == "included" and one.declared.kind == "tax" and one.orders is not None:
            beside = pl.repeat(0, frame.height, eager=True)  # it moves money within the order
        else:
            beside = _of_row(one, found, is_back, aside[number])
        total = total.with_columns(
            pl.when(~pl.lit(found.is_lost)).then(pl.col("money") + pl.lit(beside)).alias("money")
        )
    of_both = pl.when(pl.lit(is_back)).then(pl.col("money") * 0).otherwise("money")
    return total.select(of_both.alias("money"), frame["currency"])


def _of_row(one: Also, found: Stated, is_back: pl.Series, aside: SaidOnce) -> pl.Series:
    """What a row adds by itself; what its order states once is remembered."""
    money = found.money.fill_null(0)
    if one.orders is None:  # the row's goods are without their own tax alone
        money = money - found.within.fill_null(0)
    if one.orders is None:
        return money
    has_order = one.orders.is_not_null()
    states = (has_order & (money != 0)).to_numpy()
    net = np.where(is_back.to_numpy(), 0, money.to_numpy())
    Once(one.orders, net, states, np.zeros(len(net), np.bool_), aside).settle()
    return money.zip_with(~has_order, money * 0)
