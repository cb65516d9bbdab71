"""What follows from a contract's rules on one column; reasons, flags and warnings.

What belongs here: the rules on a column's values, and gathering what rules say of rows. What does
not: rules on whole rows (``rules``), the casting before it (``cast``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from ecorse.clean import numbers
from ecorse.clean.values import no_reasons, reasons_of
from ecorse.schema.contract import Column, Rule

FLAG_SCHEMA = {"_row": pl.UInt32, "rule": pl.String}
WARNED_SCHEMA = {"_row": pl.UInt32, "rule": pl.String, "sentence": pl.String}
EXPLAINED = 100  # of a block's rows that break a rule of level warn, so many get a sentence


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
