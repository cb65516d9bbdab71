"""A mapping as a source: canonical rows of any table, by its declaration alone.

What belongs here: the order in which canonical rows are made. What does not: the declaration
(``declare``), the files looked up in (``lookups``), how a column (``targets``), money (``money``)
and the lines beside a row (``added``) are made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import polars as pl

from ecorse.clean.foreign import row_currency
from ecorse.clean.names import PLACED
from ecorse.schema.contract import Contract, Header
from ecorse.schema.source import FATES, Canonical, Difference, Fate, Shop, Sought
from ecorse.schema.staging import CONSENTS
from ecorse.sources.canonical import extra_json, shop_of_row
from ecorse.sources.mappings.agreed import read_declared
from ecorse.sources.mappings.consent import forbidding, statements
from ecorse.sources.mappings.declare import MappingFile
from ecorse.sources.mappings.guests import SENTENCES, without_guests, without_status
from ecorse.sources.mappings.identity import line_id
from ecorse.sources.mappings.language import Language, LinesBeside
from ecorse.sources.mappings.lookups import Lookup, extend, join, read_lookup
from ecorse.sources.mappings.moments import moments_beside, time_columns, unknown_zones
from ecorse.sources.mappings.money import line_money
from ecorse.sources.mappings.said import SaidOnce, unsaid
from ecorse.sources.mappings.taken_back import sold_first
from ecorse.sources.mappings.targets import staged
from ecorse.sources.mappings.worth import worth


@dataclass(frozen=True)
class MappingSource:
    """A source that a file of ``include/sources`` declares."""

    name: str
    contract: Contract
    declared: MappingFile
    lookups: tuple[Lookup, ...] = ()
    said: dict[int, SaidOnce] = field(default_factory=dict, compare=False)
    aside: Mapping[Fate, dict[int, SaidOnce]] = field(default_factory=dict, compare=False)
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
        language = Language(self.declared, shop)
        frame = language.said(frame)
        frame, warned = without_guests(frame, self.declared)
        warned += without_status(frame, self.declared)
        frame = frame.with_columns(
            *time_columns(self.declared, frame, header, shop),
            *moments_beside(self.declared, frame, header, shop),
            pl.lit(True).alias(PLACED),
        )
        reasons = unknown_zones(frame, header)
        derived: dict[str, Difference] = {}
        if staging.name == "order_lines":
            frame = frame.with_columns(row_currency(frame, shop).alias("currency"))
            money = line_money(frame, language.included_tax(frame))
            frame = frame.with_columns(money.columns)
            reasons += money.reasons
            if money.otherwise is not None:
                derived[_called("line_total", header)] = money.otherwise
        rows = staged(self.declared, self.contract, frame)
        if staging.name == "order_lines":
            rows["line_id"] = line_id(header, self.contract)
        extra = extra_json(header)
        lines = frame.select(
            "_row",
            *(made.alias(name) for name, made in rows.items()),
            *([extra] if extra is not None else []),
            *shop_of_row(shop, pl.coalesce(staging.marked_by)),
        )
        held: Counter[str] = Counter()
        beside: LinesBeside | None = None
        if staging.name == "order_lines":
            backs = language.taken_back(frame, held)
            frame, lines, further, open_ones = sold_first(
                frame, lines, backs, self.declared.taken_back_rows
            )
            reasons += open_ones
            backs += further
            if self.declared.also or backs:
                beside = LinesBeside(language, frame, lines, backs, self.said, held, warned)
        why = pl.concat(reasons) if reasons else None
        if why is not None:
            lines = lines.filter(~pl.col("_row").is_in(why["_row"].implode()))
        said = statements(self.declared, self.name, frame, lines, header)
        return Canonical(
            lines, warned, derived, {} if said is None else {CONSENTS.name: said}, why, held, beside
        )

    def forbidden(self, frame: pl.DataFrame, header: Header, shop: Shop) -> pl.DataFrame | None:
        """What refused rows say of whom may not be written to; see ``schema.source.Forbidding``."""
        frame, _ = without_guests(Language(self.declared, shop).said(frame), self.declared)
        frame = frame.with_columns(*time_columns(self.declared, frame, header, shop))
        made = staged(self.declared, self.contract, frame)
        lines = frame.select(
            "_row",
            *(made[name].alias(name) for name in ("customer_id", "ordered_at") if name in made),
            *shop_of_row(shop, pl.coalesce(self.declared.staging.marked_by)),
        )
        said = statements(self.declared, self.name, frame, lines, header)
        return None if said is None else forbidding(said)

    def keys_of(self, frame: pl.DataFrame, header: Header, shop: Shop) -> pl.DataFrame:
        """The keys of typed rows, whatever becomes of them; see ``schema.source.Keyed``."""
        frame = Language(self.declared, shop).said(frame)
        shop_id, _ = shop_of_row(shop, pl.coalesce(self.declared.staging.marked_by))
        return frame.select(shop_id, line_id(header, self.contract).alias("line_id"))

    def afresh(self) -> MappingSource:
        """The source for one more file: it remembers what orders of the file have said."""
        numbers = range(len(self.declared.also))
        return replace(
            self,
            said={n: SaidOnce() for n in numbers},
            aside={fate: {n: SaidOnce() for n in numbers} for fate in FATES},
        )

    def valued_by(self, header: Header) -> frozenset[str]:
        """The typed columns that the money of a row depends on."""
        return Language(self.declared, None).valued_by(header)

    def worth(self, frame: pl.DataFrame, shop: Shop, fate: Fate) -> pl.DataFrame:
        """What rows that count nowhere would add; see ``schema.source.Valuing``."""
        return worth(Language(self.declared, shop), frame, self.aside[fate])

    def stated_by_none(self, fate: Fate) -> Decimal:
        """What orders state once on rows of this fate alone; see ``schema.source.Valuing``."""
        before = FATES[: FATES.index(fate)]
        return sum(
            (
                unsaid(one, [self.said[n], *(self.aside[other][n] for other in before)])
                for n, one in self.aside[fate].items()
            ),
            Decimal(0),
        )


def _called(target: str, header: Header) -> str:
    """What the file calls a target's column."""
    return next(c.name for c in header.columns if c is not None and c.target == target)


def read_mapping(path: Path) -> MappingSource:
    """The source that a mapping file declares.

    Raises
    ------
    ConfigError
        The file is no TOML or says something that a mapping cannot say; every mistake is named.
    """
    declared, contract = read_declared(path)
    return MappingSource(path.stem, contract, declared)
