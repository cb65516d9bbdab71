"""The money of rows that count nowhere: rejected ones, and those that are left out as none.

What belongs here: reading such rows as far as they can be, and summing what they are worth. What
does not: which rows these are (``cleaner``), what a mapping's rows are worth (``ecorse.sources``).
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from ecorse.clean import values
from ecorse.clean.account import Account, signed
from ecorse.clean.cast import STATED, stated_once, text_column
from ecorse.clean.numbers import SCALE
from ecorse.clean.values import name_of
from ecorse.clean.whitelist import sum_column
from ecorse.currency import currency_signs
from ecorse.schema.contract import Column, Header
from ecorse.schema.source import FATES, Fate, Shop, Source, Valuing

ROWS_AT_ONCE = 1 << 14
MONEY = frozenset({"quantity", "unit_price", "line_total"})


class Aside:
    """Rows that count nowhere, gathered and valued many at once; ``finish`` in the end.

    A row is valued if the columns that its money depends on can be read, whatever else is wrong
    with it, and if it is in the shop's currency; the others are counted.
    """

    def __init__(self, source: Source, header: Header, shop: Shop, account: Account) -> None:
        self._source, self._header, self._shop, self._account = source, header, shop, account
        self._waiting: dict[Fate, list[pl.DataFrame]] = {fate: [] for fate in FATES}
        self._is_money = source.contract.table == "order_lines"
        self._needed = MONEY & {c.target for c in header.columns if c and c.type != "text"}
        if self._is_money and isinstance(source, Valuing):
            self._needed = source.valued_by(header)

    def add(self, fate: Fate, of_orders: pl.DataFrame, raw: pl.DataFrame, rows: pl.Series) -> None:
        """Take in some rows of a block's text, with what their orders add up to."""
        if not self._is_money:
            return
        waiting = self._waiting[fate]
        waiting.append(raw[rows].hstack(of_orders[rows]) if of_orders.width else raw[rows])
        if sum(part.height for part in waiting) >= ROWS_AT_ONCE:
            self._value(fate)

    def add_unread(self, fate: Fate, rows: int) -> None:
        """Take in rows that have no columns: broken records."""
        if self._is_money and rows:
            self._account.unread[fate] += rows

    def finish(self) -> None:
        """Value what still waits, and what orders state once on such rows alone."""
        for fate in FATES:
            self._value(fate)
        if self._is_money and isinstance(self._source, Valuing):
            for fate in FATES:
                self._account.money_aside[fate] += self._source.stated_by_none(fate)

    def _value(self, fate: Fate) -> None:
        if not self._waiting[fate]:
            return
        raw = pl.concat(self._waiting[fate])
        self._waiting[fate] = []
        frame, is_unread = self._read(raw)
        known = frame.filter(~is_unread)
        if isinstance(self._source, Valuing):
            found = self._source.worth(known, self._shop, fate)
            found = found.filter(pl.col("currency") == self._shop.currency)
        elif self._needed >= {"quantity", "unit_price"}:
            found = known.select(signed(known.columns).alias("money"))
        else:
            found = pl.DataFrame(schema={"money": pl.Int64})
        money = found["money"].drop_nulls()
        self._account.money_aside[fate] += Decimal(sum(money.to_list())).scaleb(-SCALE)
        self.add_unread(fate, raw.height - len(money))

    def _read(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
        """Typed rows, null where a text is no value; and those in which a needed one is none."""
        declared = self._declared()
        frame = raw.select(
            pl.int_range(pl.len(), dtype=pl.UInt32).alias("_row"),
            *(values.convert(pl.col(text_column(i)), c).alias(name_of(c)) for i, c in declared),
            *(name for name in map(sum_column, self._source.contract.sums) if name in raw.columns),
        )
        is_unread = pl.Series([False]).new_from_index(0, raw.height)
        stated: list[pl.Series] = []
        for i, column in declared:
            if column.type == "text":
                continue
            read = values.read(frame[name_of(column)], raw[text_column(i)], column)
            frame = frame.with_columns(read.values.alias(name_of(column)))
            if name_of(column) in self._needed:
                is_unread |= read.values.is_null() & read.text.is_not_null()
            if read.stated is not None:
                stated.append(read.stated)
        if stated:
            frame, reasons = stated_once(frame, stated)
            ours = [sign for sign, of in currency_signs().items() if self._shop.currency in of]
            is_unread |= ~frame[STATED].is_in(ours).fill_null(True)
            for reason in reasons:
                is_unread = is_unread.scatter(reason["_row"], True)
        return frame, is_unread

    def _declared(self) -> list[tuple[int, Column]]:
        """The columns that are read: all where the source says what rows are worth."""
        is_asked = isinstance(self._source, Valuing)
        return [
            (i, c)
            for i, c in enumerate(self._header.columns)
            if c is not None and (is_asked or name_of(c) in self._needed)
        ]
