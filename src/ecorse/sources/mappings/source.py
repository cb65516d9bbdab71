"""A mapping as a source: canonical rows of any of the four tables, by its declaration alone.

What belongs here: canonical rows. What does not: the declaration (``declare``), the files looked
up in (``lookups``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from ecorse.schema.contract import Column, Contract, Header
from ecorse.schema.source import Canonical, Shop
from ecorse.sources.canonical import (
    attributes_json,
    customer_key,
    extra_json,
    shop_of_row,
    to_instants,
    to_wall_clock,
)
from ecorse.sources.mappings.declare import TARGETS, MappingFile, read_declared
from ecorse.sources.mappings.lookups import Lookup, extend, join, read_lookup

DTYPES: Mapping[str, Any] = {
    "quantity": pl.Int32, "unit_price": pl.Decimal(14, 4), "price": pl.Decimal(14, 4),
    "rating": pl.Decimal(14, 4),
}  # fmt: skip
MARKED = {
    "order_lines": ("order_id",),
    "events": ("session_id", "customer_id"),
    "products": ("product_id",),
    "customers": ("customer_id",),
}


@dataclass(frozen=True)
class MappingSource:
    """A source that a file of ``include/sources`` declares."""

    name: str
    contract: Contract
    declared: MappingFile
    lookups: tuple[Lookup, ...] = ()
    warnings: dict[str, str] = field(default_factory=dict)

    @property
    def looks_up(self) -> bool:
        """Whether the mapping completes its rows from other files."""
        return bool(self.declared.lookups)

    def bind(self, folder: Path) -> MappingSource:
        """The source with the files of ``folder`` that it looks things up in.

        Their content is part of the contract's hash: when one changes, the files that were read
        with it are loaded again.

        Raises
        ------
        ContractError
            One of them is missing or cannot be used.
        """
        if not self.declared.lookups:
            return self
        found = tuple(read_lookup(d, self.contract, folder) for d in self.declared.lookups)
        hashes = " ".join(lookup.sha256 for lookup in found)
        contract = replace(self.contract, declares=f"{self.contract.declares} {hashes}")
        return replace(self, lookups=found, contract=contract)

    def extend(self, header: Header) -> Header:
        """The file's header with the looked-up columns behind it."""
        return extend(header, self.lookups)

    def enrich(self, raw: pl.DataFrame, header: Header) -> pl.DataFrame:
        """A block of text with the looked-up columns behind its own."""
        return join(raw, header, self.lookups)

    def canonicalise(self, frame: pl.DataFrame, header: Header, shop: Shop) -> Canonical:
        """Give the rows of the mapping's table.

        Parameters
        ----------
        frame
            Typed rows of ``clean.cast``, any number.

        Returns
        -------
        Canonical
            The same rows with columns of the mapping's staging table.
        """
        table = self.declared.table
        targets = [t.rstrip("*") for t in TARGETS[table]]
        frame = self._filled(frame, targets)
        times = self._times(frame, header, shop)
        frame = frame.with_columns(times)
        extra = extra_json(header)
        shared = [
            *([extra] if extra is not None else []),
            *shop_of_row(shop, pl.coalesce(MARKED[table])),
        ]
        return Canonical(getattr(self, f"_{table}")(frame, shop, shared))

    def _filled(self, frame: pl.DataFrame, targets: list[str]) -> pl.DataFrame:
        """Every target as a column: the file's, a constant, or null; declared values replaced."""
        columns = []
        for target in targets:
            dtype = DTYPES.get(target, pl.String)
            if target in self.declared.constants:
                columns.append(_constant(self.declared.constants[target], dtype).alias(target))
            elif target not in frame.columns:
                columns.append(pl.lit(None, dtype).alias(target))
            elif target in self.declared.values:
                columns.append(pl.col(target).replace(self.declared.values[target]).alias(target))
        return frame.with_columns(columns)

    def _times(self, frame: pl.DataFrame, header: Header, shop: Shop) -> list[pl.Series]:
        """The time columns of the table: instants, and for order lines the wall clock."""
        declared = {c.target: c for c in header.columns if c is not None}

        def instants(name: str) -> pl.Series:
            column = declared.get(name)
            if column is None:  # a constant: a date, or a time on the shop's wall clock
                stated = frame[name].str.to_datetime(time_unit="us")
                return to_instants(stated, Column(name, name), shop)
            return to_instants(frame[name], column, shop)

        if self.declared.table == "events":
            return [instants("event_at").alias("event_at")]
        if self.declared.table != "order_lines":
            return []
        if "ordered_local" in declared or "ordered_local" in self.declared.constants:
            at = instants("ordered_local")
        else:
            at = instants("ordered_at")
        return [at.alias("ordered_at"), to_wall_clock(at, shop).alias("ordered_local")]

    def _order_lines(self, frame: pl.DataFrame, shop: Shop, shared: list[pl.Expr]) -> pl.DataFrame:
        customer, kind = customer_key(
            self.contract,
            customer_id=pl.col("customer_id"),
            email=pl.col("customer_email"),
            address=pl.col("address"),
        )
        return frame.select(
            "_row",
            "order_id",
            pl.coalesce("product_id", _slug("product_name")).alias("product_id"),
            pl.coalesce("product_name", "product_id").alias("product_name"),
            pl.coalesce("category", pl.col("category_path").str.split(".").list.first()).alias(
                "category"
            ),
            "category_path",
            "brand",
            pl.col("quantity").cast(pl.Int32),
            "unit_price",
            "ordered_at",
            "ordered_local",
            *("address", "street", "city", "region", "postal_code", "country", "platform"),
            pl.col("status").fill_null("sold"),
            pl.col("line_kind").fill_null("product"),
            customer,
            kind,
            pl.lit(shop.currency).alias("currency"),
            *shared,
        )

    def _events(self, frame: pl.DataFrame, shop: Shop, shared: list[pl.Expr]) -> pl.DataFrame:
        customer, _ = customer_key(
            self.contract, customer_id=pl.col("customer_id"), email=pl.col("customer_email")
        )
        left = ("event_at", "event_type", "product_id", "session_id", "price", "rating", "query",
                "platform", "country", "category_id", "category_path", "brand")  # fmt: skip
        return frame.select("_row", *left, pl.col("quantity").cast(pl.Int32), customer, *shared)

    def _products(self, frame: pl.DataFrame, shop: Shop, shared: list[pl.Expr]) -> pl.DataFrame:
        first_level = pl.col("category_path").str.split(".").list.first()
        return frame.select(
            "_row", "product_id", "product_name",
            pl.coalesce("category", first_level).alias("category"),
            "category_path", "brand", "description", "image_uri", "price",
            self._attributes(frame), *shared,
        )  # fmt: skip

    def _customers(self, frame: pl.DataFrame, shop: Shop, shared: list[pl.Expr]) -> pl.DataFrame:
        return frame.select("_row", "customer_id", self._attributes(frame), *shared)

    def _attributes(self, frame: pl.DataFrame) -> pl.Expr:
        """Column ``attributes``: what the mapping targets at ``attributes.<name>``, as JSON."""
        names = {
            c.target.removeprefix("attributes."): c.target
            for c in self.declared.every_column
            if c.target and c.target.startswith("attributes.") and c.target in frame.columns
        }
        if not names:
            return pl.lit("{}").alias("attributes")
        return attributes_json(names)


def _constant(value: str | int | float | bool, dtype: Any) -> pl.Expr:
    if isinstance(dtype, pl.Decimal):
        return pl.lit(Decimal(str(value)), dtype)
    return pl.lit(value if dtype != pl.String else str(value)).cast(dtype)


def _slug(column: str) -> pl.Expr:
    """A readable id made of a name: equal for names that differ in case and white space only."""
    text = pl.col(column).str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", "-")
    return text.str.strip_chars("-")


def read_mapping(path: Path) -> MappingSource:
    """The source that a mapping file declares.

    Raises
    ------
    ConfigError
        The file is no TOML or says something that a mapping cannot say; every mistake is named.
    """
    declared, contract = read_declared(path)
    return MappingSource(path.stem, contract, declared)
