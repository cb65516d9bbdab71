"""The named checks of groups of rows: rules between the rows that are alike in some columns.

What belongs here: one class per rule, with its arguments, its sentence and its select. What does
not: rules of a single row (``row_rules``), rules between two tables (``table_rules``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from ecorse.models.checks import (
    Check,
    Column,
    Columns,
    Condition,
    Tolerance,
    condition_reads,
    filtered,
    listed,
    quoted,
    said_where,
)

PER_SHOP = ("shop_id",)


class _OfGroups(Check):
    """A rule about the rows where ``where`` holds; about all rows without it."""

    where: Condition = ""

    def reads(self) -> set[str]:
        return condition_reads(self.where)

    def _groups(self, by: Sequence[str], shown: str, table: str, problem: str) -> str:
        """Groups of rows with a problem between them."""
        return (
            f"select {listed(by)}, {shown} from {filtered(f'marts.{table}', self.where)} "
            f"group by {listed(by)} having {problem}"
        )


class Unique(_OfGroups):
    """No two rows have the same values in ``columns``."""

    check: Literal["unique"] = "unique"
    columns: Columns

    def select(self, table: str, key: Sequence[str]) -> str:
        return self._groups(self.columns, "count(*) as row_count", table, "count(*) > 1")

    def default_name(self) -> str:
        return f"unique_{'_'.join(self.columns)}"

    def default_sentence(self) -> str:
        return f"More than one row per {', '.join(self.columns)}{said_where(self.where)}"


class RowsPerGroup(_OfGroups):
    """Each group of rows alike in ``by`` has exactly ``rows`` rows."""

    check: Literal["rows_per_group"] = "rows_per_group"
    by: Columns
    rows: Annotated[int, Field(ge=1)]

    def select(self, table: str, key: Sequence[str]) -> str:
        problem = f"count(*) <> {self.rows}"
        return self._groups(self.by, "count(*) as row_count", table, problem)

    def default_name(self) -> str:
        return f"rows_per_{'_'.join(self.by)}"

    def default_sentence(self) -> str:
        return f"Not exactly {self.rows} rows per {', '.join(self.by)}{said_where(self.where)}"


class OneValue(_OfGroups):
    """All rows alike in ``by`` have the same value of ``column``."""

    check: Literal["one_value"] = "one_value"
    column: Column
    by: Columns = PER_SHOP

    def select(self, table: str, key: Sequence[str]) -> str:
        counted = f"count(distinct {quoted(self.column)})"
        return self._groups(self.by, f"{counted} as different_values", table, f"{counted} > 1")

    def default_name(self) -> str:
        return f"one_value_{self.column}"

    def default_sentence(self) -> str:
        return f"More than one {self.column} per {', '.join(self.by)}{said_where(self.where)}"


class SharesSumToOne(_OfGroups):
    """Each of ``columns`` sums to 1 over the rows alike in ``by``."""

    check: Literal["shares_sum_to_one"] = "shares_sum_to_one"
    columns: Columns
    by: Columns = PER_SHOP
    tolerance: Tolerance = 1e-6

    def select(self, table: str, key: Sequence[str]) -> str:
        return self._groups(*_near_one("sum", self.columns, self.by, table, self.tolerance))

    def default_name(self) -> str:
        return f"shares_sum_to_one_{'_'.join(self.columns)}"

    def default_sentence(self) -> str:
        names = " or ".join(self.columns)
        return f"{names} does not sum to 1 per {', '.join(self.by)}{said_where(self.where)}"


class MeanIsOne(_OfGroups):
    """The mean of each of ``columns`` is 1 over the rows alike in ``by``: indices do this."""

    check: Literal["mean_is_one"] = "mean_is_one"
    columns: Columns
    by: Columns = PER_SHOP
    tolerance: Tolerance = 1e-6

    def select(self, table: str, key: Sequence[str]) -> str:
        return self._groups(*_near_one("avg", self.columns, self.by, table, self.tolerance))

    def default_name(self) -> str:
        return f"mean_is_one_{'_'.join(self.columns)}"

    def default_sentence(self) -> str:
        names = " or ".join(self.columns)
        return f"The mean of {names} is not 1 per {', '.join(self.by)}{said_where(self.where)}"


def _near_one(
    aggregate: str, columns: Sequence[str], by: Sequence[str], table: str, tolerance: float
) -> tuple[Sequence[str], str, str, str]:
    sums = {column: f"{aggregate}({quoted(column)})" for column in columns}
    shown = ", ".join(f"{total} as {quoted(column)}" for column, total in sums.items())
    problem = " or ".join(f"abs({total} - 1) > {tolerance!r}" for total in sums.values())
    return by, shown, table, problem


class NoGaps(_OfGroups):
    """``column`` counts the rows alike in ``by`` from 1, without gaps and without ties."""

    check: Literal["no_gaps"] = "no_gaps"
    column: Column
    by: Columns = PER_SHOP

    def select(self, table: str, key: Sequence[str]) -> str:
        rank = quoted(self.column)
        return self._groups(
            self.by,
            f"count(*) as row_count, min({rank}) as first_rank, max({rank}) as last_rank",
            table,
            f"min({rank}) <> 1 or max({rank}) <> count(*) or count(distinct {rank}) <> count(*)",
        )

    def default_name(self) -> str:
        return f"no_gaps_{self.column}"

    def default_sentence(self) -> str:
        return f"{self.column} is not 1 to the number of rows per {', '.join(self.by)}"


class NeverRises(_OfGroups):
    """``column`` never rises from row to row in the order of ``along``, within ``by``.

    ``ties`` names a text column that rises, by its bytes, where ``column`` stays the same.
    """

    check: Literal["never_rises"] = "never_rises"
    column: Column
    along: Column
    by: Columns = PER_SHOP
    ties: Column | None = None

    def select(self, table: str, key: Sequence[str]) -> str:
        value = quoted(self.column)
        before, problem = f"lag({value}) over before as value_before", f"{value} > value_before"
        shown = [*key, self.along, self.column]
        if self.ties:
            tie = quoted(self.ties)
            shown.append(self.ties)
            before += f", lag({tie}) over before as tie_before"
            problem += (
                f' or ({value} = value_before and {tie} collate "C" < tie_before collate "C")'
            )
        rows = filtered(f"marts.{table}", self.where)
        window = f"partition by {listed(self.by)} order by {quoted(self.along)}"
        return (
            f"select * from (select {listed(shown)}, {before} from {rows} "
            f"window before as ({window})) as steps where {problem}"
        )

    def default_name(self) -> str:
        return f"never_rises_{self.column}"

    def default_sentence(self) -> str:
        return f"{self.column} is larger than at the {self.along} before{said_where(self.where)}"


class Symmetric(_OfGroups):
    """A pair of things says the same in both directions, where both directions have a row."""

    check: Literal["symmetric"] = "symmetric"
    pair: tuple[Column, Column]
    same: Columns
    by: Columns = PER_SHOP
    tolerance: Tolerance = 1e-9

    def select(self, table: str, key: Sequence[str]) -> str:
        one, other = map(quoted, self.pair)
        rows = f"select * from {filtered(f'marts.{table}', self.where)}"
        on = [f"here.{quoted(c)} = back.{quoted(c)}" for c in self.by]
        on += [f"here.{one} = back.{other}", f"here.{other} = back.{one}"]
        shown = [listed((*self.by, *self.pair, *self.same), "here")]
        shown += [f"back.{quoted(c)} as {quoted(f'{c}_back')}" for c in self.same]
        problem = " or ".join(
            f"abs(here.{quoted(c)} - back.{quoted(c)}) > {self.tolerance!r}" for c in self.same
        )
        return (
            f"select {', '.join(shown)} from ({rows}) as here inner join ({rows}) as back "
            f"on {' and '.join(on)} where {problem}"
        )

    def default_name(self) -> str:
        return f"symmetric_{'_'.join(self.pair)}"

    def default_sentence(self) -> str:
        same = " or ".join(self.same)
        return f"The two directions of a pair differ in {same}{said_where(self.where)}"
