"""A mapping's expressions on typed rows: what conditions hold for, and which lines they ask for.

What belongs here: from the text of ``[[set]]``, ``[[also]]`` and ``[[taken_back]]`` to columns of a
frame. What does not: what an expression may say (``clean.expressions``), the lines (``added``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ecorse.clean.expressions import Compiled, compile
from ecorse.clean.values import name_of
from ecorse.schema.contract import Header
from ecorse.schema.source import Shop
from ecorse.sources.mappings.added import Statements, per_row
from ecorse.sources.mappings.beside import AlsoTable, as_expression
from ecorse.sources.mappings.conditions import set_targets
from ecorse.sources.mappings.declare import MappingFile
from ecorse.sources.mappings.moments import moment
from ecorse.sources.mappings.money import MONEY
from ecorse.sources.mappings.said import SaidOnce
from ecorse.sources.mappings.stated import Also
from ecorse.sources.mappings.taken_back import TakenBack
from ecorse.sources.mappings.targets import filled

OF_MONEY = (
    "quantity", "unit_price", "line_total", "discount_amount", "discount_share", "status",
    "line_kind", "currency",
)  # fmt: skip


@dataclass(frozen=True)
class Language:
    """A mapping's expressions for a shop; without one its facts are null."""

    declared: MappingFile
    shop: Shop | None

    @property
    def _facts(self) -> dict[str, str]:
        if self.shop is None:
            return {}
        return {"currency": self.shop.currency, "time_zone": self.shop.time_zone}

    def said(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Typed rows with every target as a column, and what ``[[set]]`` says of it."""
        frame = filled(self.declared, frame)
        if not self.declared.settings:
            return frame
        names = self.declared.condition_names(frame.schema)
        return set_targets(frame, self.declared.settings, names, self._facts)

    def compiled(self, text: str, frame: pl.DataFrame | None = None) -> Compiled:
        """An expression; without a frame its types are as declared."""
        names = self.declared.condition_names(None if frame is None else frame.schema)
        return compile(as_expression(text, names), names, shop=self._facts)

    def included_tax(self, frame: pl.DataFrame) -> pl.Expr | None:
        """Tax that each row's money holds, where rows state their own."""
        if self.declared.tax != "included":
            return None
        tax = self._tax
        if tax is None or tax.once_per is not None:
            return None
        within = [w for one in self.declared.also if (w := self._within(one, frame)) is not None]
        return self._stated(tax, tax.amount, frame).abs() - pl.sum_horizontal(pl.lit(0), *within)

    @property
    def _tax(self) -> AlsoTable | None:
        return next((one for one in self.declared.also if one.kind == "tax"), None)

    def _stated(self, one: AlsoTable, text: str, frame: pl.DataFrame) -> pl.Expr:
        """An amount where its condition holds, else 0."""
        amount = self.compiled(text, frame).expr.cast(MONEY, strict=False)
        if one.when is not None:
            amount = pl.when(self.compiled(one.when, frame).expr).then(amount)
        return amount.fill_null(0)

    def _within(self, one: AlsoTable, frame: pl.DataFrame) -> pl.Expr | None:
        """Tax that an amount beside the row holds, above 0, where the row's tax is taken out."""
        tax = self._tax
        if one.tax is None or tax is None:
            return None
        holds = self.compiled(one.amount, frame).expr.is_not_null()
        if tax.when is not None:
            holds &= self.compiled(tax.when, frame).expr
        if tax.once_per is None:
            holds &= pl.col("quantity") != 0
        return pl.when(holds).then(self._stated(one, one.tax, frame).abs()).otherwise(0)

    def _is_beyond(self, one: AlsoTable, frame: pl.DataFrame) -> pl.Expr | None:
        """Rows whose amount holds more tax than there is, or than it is itself."""
        within, tax = self._within(one, frame), self._tax
        if within is None or tax is None or one.tax is None:
            return None
        beyond = within > self._stated(one, one.amount, frame).abs()
        stated = self.compiled(tax.amount, frame).expr.is_not_null()
        too_much = within > self._stated(tax, tax.amount, frame).abs()
        beyond |= too_much if tax.once_per is None else too_much & stated
        lost = self.compiled(one.tax, frame).lost
        return beyond if lost is None else beyond | lost

    def taken_back(self, frame: pl.DataFrame, held: Counter[str]) -> list[TakenBack]:
        """The declared ``[[taken_back]]`` on typed rows; counts the rows that each holds for."""
        backs = []
        for back in self.declared.taken_back:
            rows = per_row(frame, self.compiled(back.when, frame).expr.fill_null(False))
            held[f"taken_back when = {back.when!r}"] += int(rows.sum())
            backs.append(TakenBack(back.status, rows, moment(back.at, frame)))
        return backs

    def also(self, frame: pl.DataFrame) -> list[Also]:
        """The declared ``[[also]]`` on typed rows."""
        return [
            Also(
                one,
                self.compiled(one.amount, frame),
                self.compiled(one.when, frame).expr if one.when else None,
                self._orders(one, frame),
                moment(one.at, frame),
                is_inside=self.declared.tax == "included" and one.kind == "tax"
                and one.once_per is None,
                within=self._within(one, frame),
                is_beyond=self._is_beyond(one, frame),
            )
            for one in self.declared.also
        ]  # fmt: skip

    def _orders(self, one: AlsoTable, frame: pl.DataFrame) -> pl.Series | None:
        if one.once_per is None:
            return None
        place = self.declared.condition_names(frame.schema)[one.once_per].column
        return frame[place].cast(pl.String)

    def valued_by(self, header: Header) -> frozenset[str]:
        """The typed columns that the money of a row depends on."""
        texts = [
            text for one in self.declared.also for text in (one.amount, one.when, one.tax) if text
        ]
        texts += [*(back.when for back in self.declared.taken_back), *self.declared.sums]
        texts += [
            str(setting["when"]) for setting in self.declared.settings
            if not setting.keys().isdisjoint(OF_MONEY)
        ]  # fmt: skip
        roots = {root for text in texts for root in self.compiled(text).expr.meta.root_names()}
        return frozenset({name_of(c) for c in header.columns if c} & {*roots, *OF_MONEY})


@dataclass
class LinesBeside:
    """The lines beside a block's rows, made of those that are kept; see ``schema.source.Beside``.

    ``held`` and ``warned`` are the block's, and grow.
    """

    language: Language
    frame: pl.DataFrame
    lines: pl.DataFrame
    backs: Sequence[TakenBack]
    said: Mapping[int, SaidOnce]
    held: Counter[str]
    warned: Counter[str]

    def contradicting(self, rows: pl.Series) -> list[pl.DataFrame]:
        """The reasons of rows whose values cannot be, or contradict their order."""
        return self._statements(self._are(rows)).reasons() if self.language.declared.also else []

    def make(self, rows: pl.Series) -> pl.DataFrame:
        """The lines, with the columns of the rows."""
        declared, are_kept = self.language.declared, self._are(rows)
        statements = self._statements(are_kept)
        made, warned = statements.make(
            [back.of(are_kept) for back in self.backs], tax_is_included=declared.tax == "included"
        )
        self.warned.update(warned)
        for one in statements.also:
            if one.when is not None:
                holds = per_row(statements.frame, one.when)
                condition = f"also {one.declared.kind!r} when = {one.declared.when!r}"
                self.held[condition] += int(holds.sum())
        missing = [name for name in self.lines.columns if name not in made.columns]
        nothing = [pl.lit(None, self.lines.schema[name]).alias(name) for name in missing]
        return made.with_columns(nothing).select(self.lines.columns)

    def _are(self, rows: pl.Series) -> pl.Series:
        return self.frame["_row"].is_in(rows.implode())

    def _statements(self, are_kept: pl.Series) -> Statements:
        frame = self.frame.filter(are_kept)
        is_keyed = bool(self.language.declared.line_key)
        return Statements(
            frame, self.lines.filter(are_kept), self.language.also(frame), self.said, is_keyed
        )
