"""What a source is: a contract, and how its typed rows become canonical rows.

What belongs here: the shapes all sources share. What does not: any one source.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from ecorse.clean.contract import Contract, Header
from ecorse.columns import SIMULATED_PREFIX, SIMULATED_SUFFIX


class Shop(Protocol):
    """What a source needs to know of the shop that sent a file."""

    @property
    def shop_id(self) -> str: ...
    @property
    def shop_name(self) -> str: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def currency(self) -> str: ...


@dataclass
class Difference:
    """Where a derived column of the file does not say what the other columns give."""

    checked: int = 0
    different: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, other: Difference) -> None:
        """Take another block's differences in; the first few examples are kept."""
        self.checked += other.checked
        self.different += other.different
        self.examples = (self.examples + other.examples)[:3]


@dataclass
class Canonical:
    """A block's canonical rows, and what a person should know about them.

    ``frame`` has columns of ``staging.order_lines`` (without ``load_id``; a column that is always
    null may be left out) and ``_row``. ``warnings`` counts rows by warning; ``derived`` has one
    entry per derived column of the file that was computed again.
    """

    frame: pl.DataFrame
    warnings: Counter[str] = field(default_factory=Counter)
    derived: dict[str, Difference] = field(default_factory=dict)


class Source(Protocol):
    """One kind of file. Its module defines ``SOURCE``."""

    @property
    def name(self) -> str:
        """The name in ``shops.toml``, ``ops.load`` and on the command line."""
        ...

    @property
    def contract(self) -> Contract:
        """What the files must look like."""
        ...

    @property
    def warnings(self) -> dict[str, str]:
        """A sentence per warning that ``canonicalise`` may count; ``{rows}`` is the count."""
        ...

    def canonicalise(self, frame: pl.DataFrame, header: Header, shop: Shop) -> Canonical:
        """Make canonical rows of typed rows, one for one and in order."""
        ...


def shop_of_row(shop: Shop, order_id: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Columns ``shop_id`` and ``is_simulated``: simulated orders belong to a shop of their own."""
    is_simulated = order_id.str.starts_with(SIMULATED_PREFIX)
    return (
        pl.when(is_simulated)
        .then(pl.lit(shop.shop_id + SIMULATED_SUFFIX))
        .otherwise(pl.lit(shop.shop_id))
        .alias("shop_id"),
        is_simulated.alias("is_simulated"),
    )


def extra_json(header: Header) -> pl.Expr | None:
    """Column ``extra``: a JSON object of the columns that the contract does not know."""
    if not header.extra:
        return None
    return pl.struct(*header.extra).struct.json_encode().alias("extra")
