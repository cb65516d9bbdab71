"""What follows from a contract's rules on whole rows (``check = "holds"``, an expression).

What belongs here: holding rows to them, and rows that are left out. What does not: rules on one
column (``column_rules``), what an expression may say (``expressions``). Only rows that break a rule
get sentences.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.column_rules import Found
from ecorse.clean.counts import KeyCounts
from ecorse.clean.expressions import Compiled, Name, compile
from ecorse.clean.functions import as_text
from ecorse.clean.names import names_of
from ecorse.clean.operands import Value
from ecorse.clean.values import name_of
from ecorse.clean.whitelist import sum_column
from ecorse.schema.contract import Contract, Header, Rule

LEFT_SCHEMA = {"_row": pl.UInt32, "id": pl.String}
SHOWN_CHARACTERS = 200
ORDER, NTH = "_order", "_nth"


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
