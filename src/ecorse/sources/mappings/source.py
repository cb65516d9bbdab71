"""A mapping as a source: canonical rows of any of the four tables, by its declaration alone.

What belongs here: canonical rows. What does not: the declaration (``declare``), the files looked
up in (``lookups``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from ecorse.schema.contract import Column, Contract, Header
from ecorse.schema.dtypes import dtype_of
from ecorse.schema.source import Canonical, Shop
from ecorse.schema.table import StagedColumn
from ecorse.sources.canonical import (
    attributes_json,
    customer_key,
    extra_json,
    shop_of_row,
    to_instants,
    to_wall_clock,
)
from ecorse.sources.mappings.conditions import set_targets
from ecorse.sources.mappings.declare import MappingFile, read_declared, type_of
from ecorse.sources.mappings.lookups import Lookup, extend, join, read_lookup

# a time on the shop's wall clock and the same as an instant: a mapping fills one of them
TWINS = {
    "ordered_at": "ordered_local",
    "ordered_local": "ordered_at",
    "refunded_at": "refunded_local",
    "refunded_local": "refunded_at",
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
        found = tuple(
            read_lookup(d, self.declared, self.contract, folder) for d in self.declared.lookups
        )
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
        staging = self.declared.staging
        frame = self._filled(frame)
        if self.declared.settings:
            names = self.declared.names(frame.schema)
            facts = {"currency": shop.currency, "time_zone": shop.time_zone}
            frame = set_targets(frame, self.declared.settings, names, facts)
        frame = frame.with_columns(self._times(frame, header, shop))
        rows = {c.name: _as_staged(c) for c in staging.columns if c.mapped}
        rows |= self._made(staging.name, shop)
        if staging.has_attributes:
            rows["attributes"] = self._attributes(frame)
        extra = extra_json(header)
        return Canonical(
            frame.select(
                "_row",
                *(made.alias(name) for name, made in rows.items()),
                *([extra] if extra is not None else []),
                *shop_of_row(shop, pl.coalesce(staging.marked_by)),
            )
        )

    def _filled(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Every target as a column: the file's, a constant, or null; declared values replaced.

        A time that the file does not have is a text, for it may be a constant.
        """
        staging = self.declared.staging
        columns = []
        for target in staging.targets():
            column = staging.column(target)
            is_text = column is None or type_of(column) in ("", "timestamp")
            dtype = pl.String() if column is None or is_text else dtype_of(column)
            if target in self.declared.constants:
                columns.append(_constant(self.declared.constants[target], dtype).alias(target))
            elif target not in frame.columns:
                columns.append(pl.lit(None, dtype).alias(target))
            elif target in self.declared.values:
                columns.append(pl.col(target).replace(self.declared.values[target]).alias(target))
        return frame.with_columns(columns)

    def _times(self, frame: pl.DataFrame, header: Header, shop: Shop) -> list[pl.Series]:
        """The time columns of the table: instants, wall clocks, or the two of one time."""
        declared = {c.target: c for c in header.columns if c is not None}
        made = []
        for column in self.declared.staging.columns:
            if not column.mapped or type_of(column) != "timestamp":
                continue
            twin = TWINS.get(column.name)
            is_given = column.name in declared or column.name in self.declared.constants
            if twin and not is_given and (twin in declared or twin in self.declared.constants):
                at = self._instants(twin, frame, declared.get(twin), shop)
            else:
                at = self._instants(column.name, frame, declared.get(column.name), shop)
            is_wall_clock = column.sql_type == "timestamp"
            made.append((to_wall_clock(at, shop) if is_wall_clock else at).alias(column.name))
        return made

    def _instants(
        self, name: str, frame: pl.DataFrame, column: Column | None, shop: Shop
    ) -> pl.Series:
        if column is None:  # a constant: a date, or a time on the shop's wall clock; or nothing
            stated = frame[name].str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
            date = frame[name].str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
            stated = pl.select(pl.coalesce(pl.lit(stated), pl.lit(date))).to_series()
            return to_instants(stated, Column(name, name), shop)
        return to_instants(frame[name], column, shop)

    def _made(self, table: str, shop: Shop) -> dict[str, pl.Expr]:
        """Columns that are more than what the file has under their name."""
        first_level = pl.col("category_path").str.split(".").list.first()
        made: dict[str, pl.Expr] = {}
        if table in ("order_lines", "products"):
            made["category"] = pl.coalesce("category", first_level)
        if table in ("order_lines", "events"):
            made["customer_id"], kind = customer_key(
                self.contract,
                customer_id=pl.col("customer_id"),
                email=pl.col("customer_email"),
                address=pl.col("address") if table == "order_lines" else None,
            )
        if table == "order_lines":
            made["product_id"] = pl.coalesce("product_id", _slug("product_name"))
            made["product_name"] = pl.coalesce("product_name", "product_id")
            made["customer_key_kind"] = kind
            made["currency"] = pl.lit(shop.currency)
        return made

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


def _as_staged(column: StagedColumn) -> pl.Expr:
    """A target as its column holds it: in its type, with its default where it is empty."""
    filled = pl.col(column.name)
    if column.sql_type == "integer":
        filled = filled.cast(dtype_of(column))
    return filled.fill_null(pl.lit(column.default)) if column.default else filled


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
