"""A source that keeps every row that can be read at all.

What belongs here: reading without rules, keys and conditions, in the shop's money. What does not:
which of these rows a load did not keep (``beyond``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from ecorse.clean.rates import Rates
from ecorse.schema.contract import Header
from ecorse.schema.source import Beside, Canonical, Shop, Source
from ecorse.sources.mappings.source import MappingSource

NO_DAY = datetime(1970, 1, 1)  # in no report: a row of which not even the day is known
NO_ORDER = "row without order "


def declaring(source: MappingSource, **changes: Any) -> MappingSource:
    """A source that declares otherwise."""
    declared = source.declared.model_copy(update=changes)
    left = tuple((one.id, one.when) for one in declared.leave_out)
    return replace(source, declared=declared, contract=replace(source.contract, leave_out=left))


class Lenient:
    """A source that keeps every row that can be read at all, in the shop's currency or not.

    Money in another currency is converted by ``rates``, where there are any and one holds; else it
    is as if it were the shop's, and named. A row without an order is an order of its own.
    ``keeps_out``: the rows that are no sales are left out as ever.
    """

    def __init__(
        self, source: Source, shop: Shop, rates: Rates | None, *, keeps_out: bool = False
    ) -> None:
        contract = replace(
            source.contract, rules=(), line_key=(), repeats="keep", foreign_currency="reject"
        )
        if isinstance(source, MappingSource):
            changes: dict[str, Any] = {"line_key": (), "leave_out": ()}
            if keeps_out:
                del changes["leave_out"]
            source = declaring(replace(source, contract=contract), **changes)
            contract = source.contract
        self._source, self._shop, self._contract, self._rates = source, shop, contract, rates

    @property
    def name(self) -> str:
        """As the source it stands for."""
        return self._source.name

    @property
    def contract(self) -> Any:
        """The contract without rules and keys."""
        return self._contract

    @property
    def warnings(self) -> dict[str, str]:
        """As the source it stands for."""
        return self._source.warnings

    def afresh(self) -> Lenient:
        """For one more file."""
        again = object.__new__(Lenient)
        again.__dict__.update(self.__dict__)
        if isinstance(self._source, MappingSource):
            again._source = self._source.afresh()
        return again

    def canonicalise(self, frame: pl.DataFrame, header: Header, shop: Shop) -> Canonical:
        """Rows of the source, all in the shop's money."""
        found = self._source.canonicalise(frame, header, shop)
        return replace(
            found,
            frame=self._in_shop_money(found.frame),
            companions={n: self._in_shop_money(f) for n, f in found.companions.items()},
            beside=_BesideInShopMoney(found.beside, self._in_shop_money) if found.beside else None,
        )

    def _in_shop_money(self, frame: pl.DataFrame) -> pl.DataFrame:
        frame = _with_orders(frame)
        if "currency" not in frame.columns:
            return frame
        if self._rates is not None:
            frame, _ = self._rates.convert(frame)
        return frame.with_columns(
            stated_currency=pl.col("currency"), currency=pl.lit(self._shop.currency)
        )


@dataclass(frozen=True)
class _BesideInShopMoney:
    """Lines beside rows, in the money that the rows are taken to be in."""

    beside: Beside
    change: Callable[[pl.DataFrame], pl.DataFrame]

    def contradicting(self, rows: pl.Series) -> list[pl.DataFrame]:
        return self.beside.contradicting(rows)

    def make(self, rows: pl.Series) -> pl.DataFrame:
        return self.change(self.beside.make(rows))


def _with_orders(frame: pl.DataFrame) -> pl.DataFrame:
    """Lines without an order as orders of their own, on the day of what was given back or none."""
    if not {"order_id", "ordered_at", "ordered_local"} <= set(frame.columns):
        return frame
    is_without = pl.col("order_id").fill_null("") == ""
    back = {"ordered_at": "refunded_at", "ordered_local": "refunded_local"}
    return frame.with_columns(
        pl.when(is_without)
        .then(pl.format(NO_ORDER + "{}", pl.col("_row")))
        .otherwise("order_id")
        .alias("order_id"),
        *(
            pl.when(is_without & pl.col(at).is_null())
            .then(
                pl.coalesce(
                    *([b] if b in frame.columns else []), pl.lit(NO_DAY).cast(frame.schema[at])
                )
            )
            .otherwise(at)
            .alias(at)
            for at, b in back.items()
        ),
    )
