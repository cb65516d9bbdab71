"""Which canonical rows are kept: those that their table can hold and whose money is the shop's.

What belongs here: the order of these questions. What does not: the answers (``holds``, ``foreign``,
``rates``), and what a source refuses by itself.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from ecorse.clean.foreign import foreign_rows
from ecorse.clean.holds import unholdable, without_key
from ecorse.clean.rates import Rates
from ecorse.schema.contract import Contract, Header
from ecorse.schema.source import Canonical, Shop
from ecorse.schema.table import StagingTable


class Keeping:
    """What one file's canonical rows are held to, block by block."""

    def __init__(
        self, contract: Contract, header: Header, table: StagingTable, shop: Shop,
        rates: Rates | None,
    ) -> None:  # fmt: skip
        self._contract, self._table, self._shop, self._rates = contract, table, shop, rates
        self._names = {c.target: c.name for c in header.columns if c is not None and c.target}

    def keep(self, typed: pl.DataFrame, found: Canonical) -> Canonical:
        """Without the rows that the table could not hold, or that contradict their order.

        ``typed`` are the rows as cast.
        """
        refused: list[pl.DataFrame] = []
        if self._rates is not None:
            found, refused = _in_the_shops_money(found, self._rates, self._table.name)
        rated = found.frame
        if refused:
            without_rate = [row for part in refused for row in part["_row"]]
            rated = rated.filter(~pl.col("_row").is_in(without_rate))
        refused += foreign_rows(typed, rated, self._shop)
        refused += unholdable(found.frame, self._table, self._names)
        refused += without_key(found.frame, self._contract.line_key)
        found = _without(found, refused)
        if found.beside is None:
            return found
        return _without(found, found.beside.contradicting(found.frame["_row"]))

    def with_lines_beside(self, found: Canonical) -> Canonical:
        """With the lines beside the rows that are left, in the shop's money."""
        if found.beside is None:
            return found
        made = found.beside.make(found.frame["_row"])
        if self._rates is not None:
            made, _ = self._rates.convert(made)
        return replace(found, companions={**found.companions, self._table.name: made})


def without_rows(found: Canonical, rows: pl.Series) -> Canonical:
    """Without some rows, and what belongs to them."""
    is_kept = ~pl.col("_row").is_in(rows.implode())
    return replace(
        found,
        frame=found.frame.filter(is_kept),
        companions={name: frame.filter(is_kept) for name, frame in found.companions.items()},
    )


def _without(found: Canonical, refused: list[pl.DataFrame]) -> Canonical:
    """Without the rows that are refused, with the reasons."""
    if not refused:
        return found
    reasons = pl.concat([*refused, *([found.reasons] if found.reasons is not None else [])])
    return replace(without_rows(found, reasons["_row"]), reasons=reasons)


def _in_the_shops_money(
    found: Canonical, rates: Rates, table: str
) -> tuple[Canonical, list[pl.DataFrame]]:
    """Convert rows and the lines added to them; gives also why rows are left out, if they are."""
    if table != "order_lines":
        return found, []
    frame, reasons = rates.convert(found.frame)
    companions = dict(found.companions)
    if table in companions:
        companions[table], _ = rates.convert(companions[table])
    return replace(found, frame=frame, companions=companions), reasons
