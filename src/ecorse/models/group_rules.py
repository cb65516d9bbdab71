"""The named checks of groups of rows: rules between the rows that are alike in some columns.

What belongs here: one class per rule, with its arguments, its sentence and its select. What does
not: shares and indices (``share_rules``), rules of a single row (``row_rules``) or between two
tables (``table_rules``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from ecorse.models.checks import (
    Check,
    Column,
    Columns,
    Condition,
    condition_reads,
    filtered,
    listed,
    quoted,
    said_where,
)
from ecorse.models.rounding import FLOAT_NOISE, Decimals, half_unit
from ecorse.models.totals import At, Measure, Totals, TotalsCheck

PER_SHOP = ("shop_id",)
ROW_COUNT = Measure("row_count", "count(*)")


class BetweenRows(Check):
    """A rule between rows where ``where`` holds; between all rows without it."""

    where: Condition = ""

    def reads(self) -> set[str]:
        return condition_reads(self.where)


class GroupCheck(BetweenRows, TotalsCheck):
    """A rule about each group of rows alike in some columns, that its sums and counts tell.

    A subclass says what the groups are, what is measured of each, and what is wrong with one.
    """

    @abstractmethod
    def groups(self) -> Columns:
        """The columns in which the rows of a group are alike."""

    @abstractmethod
    def measures(self) -> Sequence[Measure]:
        """What is measured of each group."""

    def shown(self) -> Sequence[str]:
        """What a sample of broken groups shows beside their columns."""
        return [quoted(measure.name) for measure in self.measures()]

    @abstractmethod
    def problem(self) -> str:
        """The SQL condition, on the measures, that holds for a group that breaks the rule."""

    def compare(self, table: str, at: At) -> str:
        totals = Totals(f"marts.{table}", self.groups(), tuple(self.measures()), self.where)
        shown = ", ".join([listed(self.groups()), *self.shown()])
        return f"select {shown} from {totals.read(at)} as groups where {self.problem()}"


class Unique(GroupCheck):
    """No two rows have the same values in ``columns``."""

    check: Literal["unique"] = "unique"
    columns: Columns

    def groups(self) -> Columns:
        return self.columns

    def measures(self) -> Sequence[Measure]:
        return [ROW_COUNT]

    def problem(self) -> str:
        return "row_count > 1"

    def default_name(self) -> str:
        return f"unique_{'_'.join(self.columns)}"

    def default_sentence(self) -> str:
        return f"More than one row per {', '.join(self.columns)}{said_where(self.where)}"


class GroupByCheck(GroupCheck):
    """A rule about the rows alike in ``by``; a shop's without it."""

    by: Columns = PER_SHOP

    def groups(self) -> Columns:
        return self.by


class RowsPerGroup(GroupByCheck):
    """Each group of rows alike in ``by`` has exactly ``rows`` rows."""

    check: Literal["rows_per_group"] = "rows_per_group"
    by: Columns
    rows: Annotated[int, Field(ge=1)]

    def measures(self) -> Sequence[Measure]:
        return [ROW_COUNT]

    def problem(self) -> str:
        return f"row_count <> {self.rows}"

    def default_name(self) -> str:
        return f"rows_per_{'_'.join(self.by)}"

    def default_sentence(self) -> str:
        return f"Not exactly {self.rows} rows per {', '.join(self.by)}{said_where(self.where)}"


class OneValue(GroupByCheck):
    """All rows alike in ``by`` have the same value of ``column``."""

    check: Literal["one_value"] = "one_value"
    column: Column

    def measures(self) -> Sequence[Measure]:
        return [Measure("different_values", f"count(distinct {quoted(self.column)})")]

    def problem(self) -> str:
        return "different_values > 1"

    def default_name(self) -> str:
        return f"one_value_{self.column}"

    def default_sentence(self) -> str:
        return f"More than one {self.column} per {', '.join(self.by)}{said_where(self.where)}"


class NoGaps(GroupByCheck):
    """``column`` counts the rows alike in ``by`` from 1, without gaps and without ties."""

    check: Literal["no_gaps"] = "no_gaps"
    column: Column

    def measures(self) -> Sequence[Measure]:
        rank = quoted(self.column)
        return [
            ROW_COUNT,
            Measure("first_rank", f"min({rank})"),
            Measure("last_rank", f"max({rank})"),
            Measure("different_ranks", f"count(distinct {rank})"),
        ]

    def problem(self) -> str:
        return "first_rank <> 1 or last_rank <> row_count or different_ranks <> row_count"

    def default_name(self) -> str:
        return f"no_gaps_{self.column}"

    def default_sentence(self) -> str:
        return f"{self.column} is not 1 to the number of rows per {', '.join(self.by)}"


class NeverRises(BetweenRows):
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


class Symmetric(BetweenRows):
    """A pair of things says the same in both directions, where both directions have a row.

    Both may be rounded to ``decimals``, one up and one down: a unit of the last decimal apart.
    """

    check: Literal["symmetric"] = "symmetric"
    pair: tuple[Column, Column]
    same: Columns
    by: Columns = PER_SHOP
    decimals: Decimals = 8

    def select(self, table: str, key: Sequence[str]) -> str:
        one, other = map(quoted, self.pair)
        columns = listed((*self.by, *self.pair, *self.same))  # whole rows would fill the disk
        rows = f"select {columns} from {filtered(f'marts.{table}', self.where)}"
        on = [f"here.{quoted(c)} = back.{quoted(c)}" for c in self.by]
        on += [f"here.{one} = back.{other}", f"here.{other} = back.{one}"]
        shown = [listed((*self.by, *self.pair, *self.same), "here")]
        shown += [f"back.{quoted(c)} as {quoted(f'{c}_back')}" for c in self.same]
        problem = " or ".join(
            f"abs(here.{quoted(c)} - back.{quoted(c)}) > "
            f"2 * {half_unit(self.decimals)} + {FLOAT_NOISE} * abs(here.{quoted(c)})"
            for c in self.same
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
