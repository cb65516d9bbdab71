"""What follows from a contract's rules: reasons, flags, warnings.

What belongs here: rules on one column, and on a whole row (``check = "holds"``, an expression).
What does not: what an expression may say (``expressions``), the casting before it (``cast``).
Only rows that break a rule get sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean import numbers
from ecorse.clean.counts import KeyCounts
from ecorse.clean.expressions import Compiled, Name, compile
from ecorse.clean.functions import as_text
from ecorse.clean.operands import Value
from ecorse.clean.values import name_of, no_reasons, reasons_of
from ecorse.clean.whitelist import sum_column
from ecorse.schema.contract import Column, Contract, Header, Rule, is_instant

FLAG_SCHEMA = {"_row": pl.UInt32, "rule": pl.String}
LEFT_SCHEMA = {"_row": pl.UInt32, "id": pl.String}
WARNED_SCHEMA = {"_row": pl.UInt32, "rule": pl.String, "sentence": pl.String}
SHOWN_CHARACTERS = 200
ORDER, NTH = "_order", "_nth"
PLACED = "_placed"  # in frames whose targets are instants and the shop's wall clock already
EXPLAINED = 100  # of a block's rows that break a rule of level warn, so many get a sentence
DTYPES: dict[str, pl.DataType] = {
    "text": pl.String(), "integer": pl.Int64(), "decimal": pl.Decimal(14, 4),
    "percent": pl.Decimal(14, 4), "boolean": pl.Boolean(), "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
}  # fmt: skip


@dataclass
class Found:
    """What the rules say of a block's rows, as frames by rule: see ``cast.Cast``."""

    reasons: list[pl.DataFrame] = field(default_factory=list)
    flags: list[pl.DataFrame] = field(default_factory=list)
    warned: list[pl.DataFrame] = field(default_factory=list)

    def add(
        self, rule: Rule, failed: pl.Series, why: Callable[[pl.Series], list[pl.DataFrame]]
    ) -> None:
        """Take in the rows that break a rule; ``why`` gives the reasons of marked rows."""
        if not failed.any():
            return
        if rule.level == "reject":
            self.reasons += why(failed)
            return
        rows = failed.arg_true().cast(pl.UInt32)
        marked = pl.DataFrame({"_row": rows, "rule": [rule.id] * len(rows)}, schema=FLAG_SCHEMA)
        if rule.level == "flag":
            self.flags.append(marked)
            return
        first = failed & (failed.cum_sum() <= EXPLAINED)
        told = pl.concat(why(first)).select("_row", "sentence")
        self.warned.append(marked.join(told, on="_row", how="left", maintain_order="left"))

    def frames(self) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Reasons, flags and warnings, each as one frame."""
        return (
            pl.concat(self.reasons) if self.reasons else no_reasons(),
            pl.concat(self.flags) if self.flags else pl.DataFrame(schema=FLAG_SCHEMA),
            pl.concat(self.warned) if self.warned else pl.DataFrame(schema=WARNED_SCHEMA),
        )


def judge_column(
    found: Found, frame: pl.DataFrame, text: pl.Series, column: Column, rules: Iterable[Rule]
) -> None:
    """Hold a column's values to its rules."""
    for rule in rules:
        if rule.column != column.target or rule.check == "holds":
            continue
        if rule.check == "not_empty" and not text.null_count():
            continue

        def why(failed: pl.Series, rule: Rule = rule) -> list[pl.DataFrame]:
            return reasons_of(failed, text, column, rule.id, rule.sentence)

        found.add(rule, _broken(frame, text, rule), why)


def _broken(frame: pl.DataFrame, text: pl.Series, rule: Rule) -> pl.Series:
    """Which rows break a rule; a value that could not be read has its own reason already."""
    if rule.check == "not_empty":
        return text.is_null()
    if rule.check == "one_of":
        return ~text.is_in(rule.bound.split("|")).fill_null(True)
    if rule.check == "matches":
        return ~text.str.contains(rule.bound).fill_null(True)
    values = frame[rule.column]
    if rule.check == "whole_cents":
        return numbers.unusual(values, text)
    bound = _bound(rule, values.dtype)
    breaks: dict[str, Callable[[], pl.Series]] = {
        "greater": lambda: values <= bound,
        "at_least": lambda: values < bound,
        "at_most": lambda: values > bound,
    }
    return breaks[rule.check]().fill_null(False)


def _bound(rule: Rule, dtype: pl.DataType) -> Any:
    if dtype.is_decimal():
        return Decimal(rule.bound)
    if dtype == pl.Date:
        return date.fromisoformat(rule.bound)
    return datetime.fromisoformat(rule.bound) if dtype.is_temporal() else int(rule.bound)


def names_of(
    columns: Iterable[Column], schema: Mapping[str, pl.DataType] | None = None
) -> dict[str, Name]:
    """What expressions may name: every declared column, by its target and its name in the file.

    Parameters
    ----------
    schema
        Of the frame; left out, the types are those that are declared. A column that the frame
        lacks is null.
    """
    names: dict[str, Name] = {}
    declared = list(columns)
    for column in declared:
        known = name_of(column)
        is_there = schema is None or known in schema
        dtype = schema[known] if schema and is_there else DTYPES[column.type]
        names[known] = Name(known, dtype, is_there, _clock_of(column, schema or {}))
    for column in declared:
        if column.name:
            names.setdefault(column.name, names[name_of(column)])
    return names


def _clock_of(column: Column, schema: Mapping[str, pl.DataType]) -> str:
    """The clock of a column's typed times where it is not the shop's; rows may have their own."""
    if column.type != "timestamp" or column.zone_column or (column.target and PLACED in schema):
        return ""
    if is_instant(column):
        return "UTC"
    return "" if column.zone == "shop" else column.zone


class RowRules:
    """A contract's rules on whole rows, applied to one file block by block, in file order."""

    def __init__(
        self, contract: Contract, header: Header, shop: Mapping[str, str] | None = None
    ) -> None:
        self._rules = [rule for rule in contract.rules if rule.check == "holds"]
        self._leave_out, self._sums = contract.leave_out, contract.sums
        self._within = contract.within
        self._numbered_key = contract.line_key if contract.numbered_keys else ()
        self._leaving: list[tuple[str, pl.Expr]] = []
        self._header, self._shop = header, shop
        self._compiled: list[tuple[Rule, Compiled]] = []
        self._before: dict[tuple[str, str], pl.Series] = {}
        self._counts: dict[str, tuple[Rule, KeyCounts]] = {}

    def left_out(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows that are none, with the id of the first condition that holds (``_row, id``)."""
        if not self._leave_out:
            return pl.DataFrame(schema=LEFT_SCHEMA)
        if not self._leaving:
            names = self._names(frame)
            for name, text in self._leave_out:
                condition = compile(text, names, shop=self._shop, is_condition=True)
                self._leaving.append((name, condition.expr.fill_null(False)))
        which = pl.coalesce(
            pl.when(condition).then(pl.lit(name)) for name, condition in self._leaving
        )
        return frame.select("_row", which.alias("id")).drop_nulls()

    def of_orders(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows with what is added up over their order, and their number among equal keys.

        Rows that are refused later count too: an order's lines are all that the file has of it.
        """
        names = self._names(frame) if self._within else {}
        within = names.get(self._within)
        if within is None or not within.is_there:
            return frame
        key = frame[within.column]
        orders = pl.select(
            pl.when(pl.lit(key).is_not_null()).then(pl.lit(key.rle_id()))
        ).to_series()
        values = [
            compile(text, names, shop=self._shop).expr.alias(sum_column(text))
            for text in self._sums
        ]
        frame = frame.with_columns(orders.alias(ORDER)).with_columns(values)
        made = []
        for text in self._sums:  # as SQL adds up: null only where no row says anything
            value = pl.col(sum_column(text))
            says = value.is_not_null().any().over(ORDER) & pl.col(ORDER).is_not_null()
            made.append(pl.when(says).then(value.sum().over(ORDER)).alias(sum_column(text)))
        if self._numbered_key:
            parts = [pl.col(names[part].column).cast(pl.String) for part in self._numbered_key]
            made.append(pl.int_range(1, pl.len() + 1).over(ORDER, *parts).alias(NTH))
        return frame.with_columns(made).drop(ORDER)

    def judge(self, found: Found, frame: pl.DataFrame, lines: NDArray[np.int64]) -> None:
        """Hold a block's rows to the rules; ``lines`` are those they stood on."""
        if not self._rules:
            return
        if not self._compiled:
            self._compile(frame)
        for rule, compiled in self._compiled:
            if compiled.count is not None:
                self._counts[rule.id][1].add(frame, lines)
                continue
            seen = self._with_previous(frame, rule, compiled)
            holds = seen.select(pl.first(), compiled.expr.alias("holds"))["holds"]

            def why(
                failed: pl.Series,
                seen: pl.DataFrame = seen,
                rule: Rule = rule,
                compiled: Compiled = compiled,
            ) -> list[pl.DataFrame]:
                return [
                    _row_reasons(seen.filter(failed), rule, compiled, self._column_of(compiled))
                ]

            found.add(rule, ~holds.fill_null(True), why)

    def counted(self) -> dict[str, tuple[int, list[str]]]:
        """After the file was read: rows that break each rule with ``count_of``, and examples."""
        told = {rule.id: counts.broken() for rule, counts in self._counts.values()}
        return {rule: (rows, examples) for rule, (rows, examples) in told.items() if rows}

    def _compile(self, frame: pl.DataFrame) -> None:
        names = self._names(frame)
        for rule in self._rules:
            compiled = compile_rule(rule, names, self._shop)
            self._compiled.append((rule, compiled))
            if compiled.count is not None:
                self._counts[rule.id] = (rule, KeyCounts(compiled.count))

    def _names(self, frame: pl.DataFrame) -> dict[str, Name]:
        declared = [c for c in self._header.form.columns if c not in self._header.columns]
        declared += [c for c in self._header.columns if c is not None]
        return names_of(declared, dict(frame.schema))

    def _with_previous(self, frame: pl.DataFrame, rule: Rule, compiled: Compiled) -> pl.DataFrame:
        """The frame with what the row before had, across the blocks of the file."""
        for name, of_row in compiled.previous:
            own = frame.select(pl.first(), of_row.alias(name))[name]
            before = self._before.get((rule.id, name), own.clear(1))
            self._before[rule.id, name] = own.tail(1)
            frame = frame.with_columns(pl.concat([before, own.head(len(own) - 1)]).alias(name))
        return frame

    def _column_of(self, compiled: Compiled) -> str:
        """The file's name of the first column that a rule is about."""
        roots = [root for value in compiled.shown for root in value.expr.meta.root_names()]
        named = {name_of(c): c.name for c in self._header.columns if c is not None}
        return next((named[root] for root in roots if root in named), "")


def compile_rule(
    rule: Rule, names: Mapping[str, Name], shop: Mapping[str, str] | None = None
) -> Compiled:
    """The expression of a rule on whole rows.

    Raises
    ------
    ExpressionError
        It cannot be understood, is no condition, or counts rows and is not of level warn.
    """
    return compile(
        rule.bound, names, shop=shop, is_condition=True, of_other_rows=True,
        may_count=rule.level == "warn",
    )  # fmt: skip


def _row_reasons(broken: pl.DataFrame, rule: Rule, compiled: Compiled, column: str) -> pl.DataFrame:
    """Reasons of rows with the values that contradict each other."""
    shown = pl.concat_str([_shown(value) for value in compiled.shown], separator=", ")
    return broken.select(
        "_row",
        pl.lit(rule.id).alias("rule"),
        pl.lit(column or None, pl.String).alias("column"),
        (shown + f": {rule.sentence}.").alias("sentence"),
    )


def _shown(value: Value) -> pl.Expr:
    """``month(ordered_local) is 4``."""
    written = value.expr.cast(pl.String)
    if value.kind == "number":
        written = as_text(value, "")
    elif value.kind == "text":
        written = pl.lit("'") + value.expr.str.slice(0, SHOWN_CHARACTERS) + pl.lit("'")
    return pl.lit(f"{value.text} is ") + written.fill_null("empty")
