"""Rows that take back a sale of which the file has no row.

What belongs here: finding them, over all blocks of a file. What does not: what a row says of
itself (``taken_back_rows`` of a mapping), matching across files (marts.cancellations).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl

from ecorse.clean.account import money_of


@dataclass
class WithoutSale:
    """Orders with a sold row, and the rows with pieces above 0 that take a sale back."""

    _sold: set[str] = field(default_factory=set)
    _back: list[pl.DataFrame] = field(default_factory=list)

    def add(self, lines: pl.DataFrame) -> None:
        """Look at a block's order lines; an export that is read so has few orders beside a night's,
        and their ids are held until the file's end."""
        is_sold = lines["status"] == "sold"
        self._sold.update(lines.filter(is_sold)["order_id"].unique().to_list())
        back = lines.filter(~is_sold & (pl.col("quantity") > 0))
        if back.height:
            self._back.append(back)

    def found(self) -> tuple[int, Decimal, str]:
        """How many rows there are, what they take off, and one of their orders."""
        alone = [rows.filter(~pl.col("order_id").is_in(list(self._sold))) for rows in self._back]
        alone = [rows for rows in alone if rows.height]
        if not alone:
            return 0, Decimal(0), ""
        money = sum((money_of(rows) for rows in alone), Decimal(0))
        return sum(rows.height for rows in alone), -money, str(alone[0]["order_id"][0])
