"""A mapping as a source: canonical rows of any of the four tables, by its declaration alone.

What belongs here: canonical rows. What does not: the declaration (``declare``), the files looked
up in (``lookups``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from ecorse.clean.cast import DATE_ONLY
from ecorse.clean.expressions import compile
from ecorse.clean.foreign import row_currency
from ecorse.clean.numbers import SHARE
from ecorse.clean.rules import NTH
from ecorse.clean.values import name_of
from ecorse.schema.contract import Contract, Header
from ecorse.schema.dtypes import dtype_of
from ecorse.schema.source import Beside, Canonical, Shop, Sought
from ecorse.schema.table import StagedColumn
from ecorse.sources.canonical import (
    attributes_json,
    customer_key,
    extra_json,
    name_ids,
    shop_of_row,
    to_instants,
    to_wall_clock,
)
from ecorse.sources.mappings.added import (
    Also,
    SaidOnce,
    TakenBack,
    added_lines,
    adding,
    per_row,
    sold_first,
)
from ecorse.sources.mappings.beside import as_expression
from ecorse.sources.mappings.columns import type_of
from ecorse.sources.mappings.conditions import set_targets
from ecorse.sources.mappings.declare import MappingFile, read_declared, word_of
from ecorse.sources.mappings.guests import SENTENCES, without_guests, without_status
from ecorse.sources.mappings.lookups import Lookup, extend, join, read_lookup
from ecorse.sources.mappings.moments import time_columns, unknown_zones, zones_of
from ecorse.sources.mappings.money import MONEY, line_money

AT, LOCAL = "_at ", "_at_local "  # columns of times that lines beside a row's own have
BECOME: dict[str, pl.DataType] = {"line_total": MONEY, "discount_share": SHARE}


@dataclass(frozen=True)
class MappingSource:
    """A source that a file of ``include/sources`` declares."""

    name: str
    contract: Contract
    declared: MappingFile
    lookups: tuple[Lookup, ...] = ()
    said: dict[int, SaidOnce] = field(default_factory=dict, compare=False)
    warnings: dict[str, str] = field(default_factory=lambda: dict(SENTENCES))

    @property
    def looks_up(self) -> tuple[str, ...]:
        """The files that the mapping completes its rows from."""
        return tuple(lookup.file for lookup in self.declared.lookups)

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

    def enrich(self, raw: pl.DataFrame, header: Header, sought: dict[str, Sought]) -> pl.DataFrame:
        """A block of text with the looked-up columns behind its own; counts what was sought."""
        return join(raw, header, self.lookups, sought)

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
            names = self.declared.condition_names(frame.schema)
            frame = set_targets(frame, self.declared.settings, names, _facts(shop))
        frame, warned = without_guests(frame, self.contract)
        warned += without_status(frame, self.contract)
        frame = frame.with_columns(
            *time_columns(self.declared, frame, header, shop), *self._moments(frame, header, shop)
        )
        reasons = unknown_zones(frame, header)
        if staging.name == "order_lines":
            frame = frame.with_columns(row_currency(frame, shop).alias("currency"))
            money = line_money(frame, self._included_tax(frame, shop))
            frame = frame.with_columns(money.columns)
            reasons += money.reasons
        rows = {c.name: _as_staged(c) for c in staging.columns if c.mapped}
        rows |= self._made(frame, header)
        if staging.has_attributes:
            rows["attributes"] = self._attributes(frame)
        extra = extra_json(header)
        lines = frame.select(
            "_row",
            *(made.alias(name) for name, made in rows.items()),
            *([extra] if extra is not None else []),
            *shop_of_row(shop, pl.coalesce(staging.marked_by)),
        )
        held: Counter[str] = Counter()
        makes_beside: Beside | None = None
        if staging.name == "order_lines":
            backs = self._taken_back(frame, shop, held)
            frame, lines, further, open_ones = sold_first(
                frame, lines, backs, self.declared.taken_back_rows
            )
            reasons += open_ones
            backs += further

            all_lines = lines

            def beside(rows: pl.Series) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
                is_kept = frame["_row"].is_in(rows.implode())
                kept, of_these = frame.filter(is_kept), [back.of(is_kept) for back in backs]
                made, contradicting = self._beside(
                    kept, all_lines.filter(is_kept), shop, of_these, held
                )
                warned.update(adding(made))
                return made, contradicting

            makes_beside = beside if self.declared.also or backs else None
        why = pl.concat(reasons) if reasons else None
        if why is not None:
            lines = lines.filter(~pl.col("_row").is_in(why["_row"].implode()))
        return Canonical(lines, warned, reasons=why, held=held, beside=makes_beside)

    def afresh(self) -> MappingSource:
        """The source for one more file: it remembers what orders of the file have said."""
        return replace(self, said={n: SaidOnce() for n in range(len(self.declared.also))})

    def _expression(self, text: str, frame: pl.DataFrame, shop: Shop) -> pl.Expr:
        names = self.declared.condition_names(frame.schema)
        return compile(as_expression(text, names), names, shop=_facts(shop)).expr

    def _included_tax(self, frame: pl.DataFrame, shop: Shop) -> pl.Expr | None:
        """Tax that each row's money holds, where rows state their own."""
        if self.declared.tax != "included":
            return None
        taxes = []
        for one in self.declared.also:
            if one.kind == "tax" and one.once_per is None:
                tax = self._expression(one.amount, frame, shop)
                if one.when is not None:
                    tax = pl.when(self._expression(one.when, frame, shop)).then(tax)
                taxes.append(tax.fill_null(0))
        return pl.sum_horizontal(taxes) if taxes else None

    def _moments(self, frame: pl.DataFrame, header: Header, shop: Shop) -> list[pl.Series]:
        """The times that lines beside the rows' own have: instants and wall clocks.

        Made of the times as the file writes them, before those of targets become instants.
        """
        declared = {c.name: c for c in header.columns if c is not None}
        named = {one.at for one in self.declared.also} | {b.at for b in self.declared.taken_back}
        made = []
        for name in declared.keys() & named:
            times = frame[name_of(declared[name])].cast(pl.Datetime("us"))
            zones = zones_of(frame, declared[name], header)
            instants = to_instants(times, declared[name], shop, zones)
            made += [instants.alias(AT + name), to_wall_clock(instants, shop).alias(LOCAL + name)]
        return made

    @staticmethod
    def _at(name: str | None, frame: pl.DataFrame) -> tuple[pl.Series, pl.Series] | None:
        """The instants and wall clocks of a column with a time of its own."""
        if name is None or AT + name not in frame.columns:
            return None
        return frame[AT + name], frame[LOCAL + name]

    def _taken_back(self, frame: pl.DataFrame, shop: Shop, held: Counter[str]) -> list[TakenBack]:
        """The declared ``[[taken_back]]`` on typed rows; counts the rows that each holds for."""
        backs = []
        for back in self.declared.taken_back:
            rows = per_row(frame, self._expression(back.when, frame, shop).fill_null(False))
            held[f"taken_back when = {back.when!r}"] += int(rows.sum())
            backs.append(TakenBack(back.status, rows, self._at(back.at, frame)))
        return backs

    def _beside(
        self,
        frame: pl.DataFrame,
        lines: pl.DataFrame,
        shop: Shop,
        backs: Sequence[TakenBack],
        held: Counter[str],
    ) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
        """The lines beside the rows' own, with the columns of these."""
        tax_is_included = self.declared.tax == "included"

        def orders(name: str | None) -> pl.Series | None:
            if name is None:
                return None
            place = self.declared.condition_names(frame.schema)[name].column
            return frame[place].cast(pl.String)

        made, reasons = added_lines(
            frame,
            lines,
            [
                Also(
                    one,
                    self._expression(one.amount, frame, shop),
                    self._expression(one.when, frame, shop) if one.when else None,
                    orders(one.once_per),
                    self._at(one.at, frame),
                    is_inside=tax_is_included and one.kind == "tax" and one.once_per is None,
                )
                for one in self.declared.also
            ],
            backs,
            self.said,
            is_keyed=bool(self.declared.line_key),
            tax_is_included=tax_is_included,
        )
        for one in self.declared.also:
            if one.when:
                holds = per_row(frame, self._expression(one.when, frame, shop))
                held[f"also {one.kind!r} when = {one.when!r}"] += int(holds.sum())
        missing = [name for name in lines.columns if name not in made.columns]
        nothing = [pl.lit(None, lines.schema[name]).alias(name) for name in missing]
        return made.with_columns(nothing).select(lines.columns), reasons

    def _line_id(self, header: Header) -> pl.Expr:
        """What tells a line apart besides its columns: its key, or columns without a target."""
        if self.declared.line_key:
            by_name = {c.name: name_of(c) for c in header.columns if c is not None}
            parts = [by_name.get(name, name) for name in self.declared.line_key]
            texts = [pl.col(part).cast(pl.String) for part in parts]
            is_numbered = self.contract.numbered_keys
            if len(texts) > 1 or is_numbered:  # a bar in a part is doubled: no two keys are one
                texts = [text.str.replace_all("|", "||", literal=True) for text in texts]
            joined = pl.concat_str(texts, separator="|")
            if is_numbered:  # the second of an order is another line, though it says the same
                number = pl.col(NTH).cast(pl.String)
                joined = pl.when(pl.col(NTH) > 1).then(joined + "|" + number).otherwise(joined)
            return pl.when(joined != "").then(joined)
        told = [
            c
            for c in header.columns
            if c in header.form.columns and c.target is None and not c.is_ignored
        ]
        if not told:
            return pl.lit(None, pl.String)
        fields = [pl.col(name_of(c)).cast(pl.String).alias(c.name) for c in told]
        is_nothing = pl.all_horizontal(pl.col(name_of(c)).is_null() for c in told)
        return pl.when(~is_nothing).then(pl.struct(fields).struct.json_encode())

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
            dtype = BECOME.get(target, dtype)
            if target in self.declared.constants:
                columns.append(_constant(self.declared.constants[target], dtype).alias(target))
            elif target not in frame.columns:
                columns.append(pl.lit(None, dtype).alias(target))
            elif target in self.declared.values:
                columns.append(pl.col(target).alias(word_of(target)))
                columns.append(pl.col(target).replace(self.declared.values[target]).alias(target))
        return frame.with_columns(columns)

    def _made(self, frame: pl.DataFrame, header: Header) -> dict[str, pl.Expr]:
        """Columns that are more than what the file has under their name."""
        table = self.declared.table
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
            made["product_id"] = pl.coalesce("product_id", name_ids(pl.col("product_name")))
            made["product_name"] = pl.coalesce("product_name", "product_id")
            made["customer_key_kind"] = kind
            made["line_amount"] = pl.col("line_amount")
            made["line_id"] = self._line_id(header)
            made["made_of"] = pl.lit(None, pl.String)
        if table in ("order_lines", "events"):
            is_date = pl.col(DATE_ONLY) if DATE_ONLY in frame.columns else pl.lit(False)
            made[DATE_ONLY] = pl.when(is_date).then(is_date)
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
    if not column.default:
        return filled
    is_boolean = column.sql_type == "boolean"
    return filled.fill_null(pl.lit(column.default == "true" if is_boolean else column.default))


def _constant(value: str | int | float | bool, dtype: Any) -> pl.Expr:
    if isinstance(dtype, pl.Decimal):
        return pl.lit(Decimal(str(value)), dtype)
    return pl.lit(value if dtype != pl.String else str(value)).cast(dtype)


def _facts(shop: Shop) -> dict[str, str]:
    return {"currency": shop.currency, "time_zone": shop.time_zone}


def read_mapping(path: Path) -> MappingSource:
    """The source that a mapping file declares.

    Raises
    ------
    ConfigError
        The file is no TOML or says something that a mapping cannot say; every mistake is named.
    """
    declared, contract = read_declared(path)
    return MappingSource(path.stem, contract, declared)
