"""The named checks of single rows: rules that many tables share, each said as data.

What belongs here: one class per rule, with its arguments, its sentence and what is wrong with a
row. What does not: rules between rows (``group_rules``) or between tables (``table_rules``); a rule
that only one table has, which is SQL (``include/sql/checks``, ``checks.SqlCheck``).

A mart's header says ``check = "unique"``, a model says ``Unique(columns=(...))``. Nulls break
``not_null`` only: every other rule is silent about what is not known.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ecorse.models.checks import (
    NOT_EMPTY,
    BoundCheck,
    Check,
    Column,
    Columns,
    Condition,
    checked_condition,
    condition_reads,
    like,
    listed,
    quoted,
    said_where,
    spoken,
)

Comparison = Annotated[
    str,
    like(r"[a-z_][a-z0-9_]*(?: (?:<=|<|=|<>|>=|>) [a-z_][a-z0-9_]*)+", "columns as 'a <= b < c'"),
]
"""Columns of one row in an order, ``first_date <= last_date``."""


class RowCheck(Check):
    """A rule about the rows of one table where ``where`` holds; all rows without it.

    A subclass says which columns it is about and what is wrong with a row (``problem``). The audit
    counts the broken rows of all such rules of a table in one scan.
    """

    where: Condition = ""

    def reads(self) -> set[str]:
        return condition_reads(self.where)

    @abstractmethod
    def about(self) -> Sequence[str]:
        """The columns that a sample of broken rows shows beside the key."""

    @abstractmethod
    def problem(self) -> str:
        """The SQL condition that holds for a row that breaks the rule."""

    def broken_row(self) -> str:
        """The whole condition of the broken rows, ``where`` included."""
        if not self.where:
            return self.problem()
        return f"({checked_condition(self.where)}) and ({self.problem()})"

    def select(self, table: str, key: Sequence[str]) -> str:
        shown = listed((*key, *self.about()))
        return f"select {shown} from marts.{table} where {self.broken_row()}"

    def bind(self, table: str, key: Sequence[str]) -> BoundCheck:
        return replace(super().bind(table, key), broken_row=self.broken_row())


class NotNull(RowCheck):
    """No row has a null in one of ``columns``."""

    check: Literal["not_null"] = "not_null"
    columns: Columns

    def about(self) -> Sequence[str]:
        return self.columns

    def problem(self) -> str:
        return " or ".join(f"{quoted(c)} is null" for c in self.columns)

    def default_name(self) -> str:
        return f"not_null_{'_'.join(self.columns)}"

    def default_sentence(self) -> str:
        return f"A row has no {' or no '.join(self.columns)}{said_where(self.where)}"


class FilledWhere(RowCheck):
    """``columns`` have a value exactly where ``where`` holds, and are null everywhere else."""

    check: Literal["filled_where"] = "filled_where"
    columns: Columns
    where: Condition = Field(min_length=1)

    def about(self) -> Sequence[str]:
        return self.columns

    def problem(self) -> str:
        return " or ".join(
            f"(({checked_condition(self.where)}) is true) <> ({quoted(c)} is not null)"
            for c in self.columns
        )

    def broken_row(self) -> str:
        """A row may break it on both sides of ``where``."""
        return self.problem()

    def default_name(self) -> str:
        return f"filled_where_{'_'.join(self.columns)}"

    def default_sentence(self) -> str:
        return f"{spoken(self.columns)}: not given exactly{said_where(self.where)}"


class AcceptedValues(RowCheck):
    """``column`` holds one of ``values``."""

    check: Literal["accepted_values"] = "accepted_values"
    column: Column
    values: Annotated[tuple[str, ...], NOT_EMPTY]

    def about(self) -> Sequence[str]:
        return (self.column,)

    def problem(self) -> str:
        values = ", ".join("'" + value.replace("'", "''") + "'" for value in self.values)
        return f"{quoted(self.column)} not in ({values})"

    def default_name(self) -> str:
        return f"accepted_values_{self.column}"

    def default_sentence(self) -> str:
        return f"{self.column} is none of {', '.join(self.values)}{said_where(self.where)}"


class Between(RowCheck):
    """``columns`` are neither below ``at_least`` nor above ``at_most``, both within the range.

    A value may be off by what computing in floating point makes of a bound, 1e-12 of it.
    """

    check: Literal["between"] = "between"
    columns: Columns
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> Between:
        if self.at_least is None and self.at_most is None:
            raise ValueError("needs at_least, at_most or both")
        return self

    def about(self) -> Sequence[str]:
        return self.columns

    def problem(self) -> str:
        bounds = (("<", self.at_least, -1), (">", self.at_most, 1))
        return " or ".join(
            f"{quoted(c)} {sign} {bound + outwards * 1e-12 * max(1.0, abs(bound))!r}"
            for c in self.columns
            for sign, bound, outwards in bounds
            if bound is not None
        )

    def default_name(self) -> str:
        return f"between_{'_'.join(self.columns)}"

    def default_sentence(self) -> str:
        least = "" if self.at_least is None else f"below {self.at_least:g}"
        most = "" if self.at_most is None else f"above {self.at_most:g}"
        bounds = " or ".join(filter(None, (least, most)))
        return f"{' or '.join(self.columns)} is {bounds}{said_where(self.where)}"


class Compare(RowCheck):
    """Columns of one row compare as said: ``"first_date <= last_date"``, ``"a < b <= c"``."""

    check: Literal["compare"] = "compare"
    columns: Annotated[tuple[Comparison, ...], NOT_EMPTY]

    def about(self) -> Sequence[str]:
        words = " ".join(self.columns).split(" ")
        return [word for word in words if re.fullmatch(r"[a-z_].*", word)]

    def problem(self) -> str:
        problems = []
        for chain in self.columns:
            parts = chain.split(" ")
            for left, sign, right in zip(parts[:-2:2], parts[1::2], parts[2::2], strict=True):
                problems.append(f"not ({quoted(left)} {sign} {quoted(right)})")
        return " or ".join(problems)

    def default_name(self) -> str:
        return f"compare_{'_'.join(dict.fromkeys(self.about()))}"

    def default_sentence(self) -> str:
        return f"Not true of a row: {' and '.join(self.columns)}{said_where(self.where)}"
