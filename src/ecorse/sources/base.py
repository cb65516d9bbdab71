"""What a source is: a contract, and how its typed rows become canonical rows.

What belongs here: the shapes all sources share. What does not: any one source.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import polars as pl

from ecorse.clean.cast import EPOCHS, local_to_utc
from ecorse.clean.contract import CUSTOMER_RUNGS, Column, Contract, Header
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

    ``frame`` has columns of the contract's table (without ``load_id`` and ``flags``; a column that
    is always null may be left out) and ``_row``, each row at most once. A row that is not there
    must be in ``reasons`` (``_row, rule, column, sentence``, as ``clean.cast`` gives them): the
    source refuses it by what it alone knows. ``also`` has rows of further tables with the ``_row``
    they belong to: they are staged when that row is, and are repeated when it is. ``warnings``
    counts rows by warning; ``derived`` has one entry per derived column of the file that was
    computed again.
    """

    frame: pl.DataFrame
    warnings: Counter[str] = field(default_factory=Counter)
    derived: dict[str, Difference] = field(default_factory=dict)
    also: dict[str, pl.DataFrame] = field(default_factory=dict)
    reasons: pl.DataFrame | None = None


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


@runtime_checkable
class LookingUp(Protocol):
    """A source whose rows may be completed from other files of the same folder."""

    @property
    def looks_up(self) -> bool:
        """Whether there are such files."""
        ...

    def bind(self, folder: Path) -> Source:
        """The source with the files it looks things up in."""
        ...

    def extend(self, header: Header) -> Header:
        """The file's header with the looked-up columns behind it."""
        ...

    def enrich(self, raw: pl.DataFrame, header: Header) -> pl.DataFrame:
        """A block of text with the looked-up columns behind its own."""
        ...


def shop_of_row(shop: Shop, marked_id: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Columns ``shop_id`` and ``is_simulated``: simulated rows belong to a shop of their own.

    ``marked_id`` is the id that carries the mark: of an order, else a session, a customer or a
    product.
    """
    is_simulated = marked_id.str.starts_with(SIMULATED_PREFIX).fill_null(False)
    return (
        pl.when(is_simulated)
        .then(pl.lit(shop.shop_id + SIMULATED_SUFFIX))
        .otherwise(pl.lit(shop.shop_id))
        .alias("shop_id"),
        is_simulated.alias("is_simulated"),
    )


def to_instants(times: pl.Series, column: Column, shop: Shop) -> pl.Series:
    """The UTC instants of a timestamp column, by the zone that its declaration names."""
    if column.formats and set(column.formats) <= set(EPOCHS):
        return times.dt.replace_time_zone("UTC")
    zone = shop.time_zone if column.zone == "shop" else column.zone
    return times.dt.replace_time_zone("UTC") if zone == "UTC" else local_to_utc(times, zone)


def to_wall_clock(instants: pl.Series, shop: Shop) -> pl.Series:
    """The shop's wall clock at UTC instants, without zone."""
    return instants.dt.convert_time_zone(shop.time_zone).dt.replace_time_zone(None)


def customer_key(
    contract: Contract,
    *,
    customer_id: pl.Expr | None = None,
    email: pl.Expr | None = None,
    address: pl.Expr | None = None,
) -> tuple[pl.Expr, pl.Expr]:
    """Columns ``customer_id`` and ``customer_key_kind`` by the ladder id, e-mail, address, none.

    The kind is the strongest rung a row has. The key is that rung's, if the contract lets the rung
    make customers; else null. E-mail and postal addresses are hashed: a key names nobody.
    """
    rungs = {"id": customer_id, "email": email, "address": address}
    kind, key = pl.lit("none"), pl.lit(None, pl.String)
    for rung in reversed(CUSTOMER_RUNGS):
        value = rungs[rung]
        if value is None:
            continue
        made = pl.lit(None, pl.String)
        if rung in contract.customer_rungs:
            made = value if rung == "id" else hashed(rung, value)
        kind = pl.when(value.is_not_null()).then(pl.lit(rung)).otherwise(kind)
        key = pl.when(value.is_not_null()).then(made).otherwise(key)
    return key.alias("customer_id"), kind.alias("customer_key_kind")


def hashed(kind: str, text: pl.Expr) -> pl.Expr:
    """A key that does not tell what it was made of: the kind, and 16 digits of a SHA-256.

    Case and white space make no difference.
    """
    return text.map_batches(lambda texts: _hashes(kind, texts), return_dtype=pl.String)


def _hashes(kind: str, texts: pl.Series) -> pl.Series:
    seen: dict[str, str] = {
        text: hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()[:16]
        for text in texts.unique().drop_nulls()
    }
    keys = texts.replace_strict(seen, default=None, return_dtype=pl.String)
    return pl.select(pl.lit(f"{kind}-") + pl.lit(keys)).to_series()


def attributes_json(names: Mapping[str, str]) -> pl.Expr:
    """Column ``attributes``: a JSON object of typed columns, ``{key: column}``; nulls stay null."""
    fields = [pl.col(column).alias(key) for key, column in names.items()]
    return pl.struct(*fields).struct.json_encode().alias("attributes")


def extra_json(header: Header) -> pl.Expr | None:
    """Column ``extra``: a JSON object of the columns that the contract does not know."""
    if not header.extra:
        return None
    return pl.struct(*header.extra).struct.json_encode().alias("extra")
