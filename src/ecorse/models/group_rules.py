"""The named checks of groups of rows: rules between the rows that are alike in some columns.

What belongs here: one class per rule, with its arguments, its sentence and its select. What does
not: rules of a single row (``row_rules``), rules between two tables (``table_rules``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from ecorse.models.checks import (
    NOT_EMPTY,
    Check,
    Column,
    Columns,
    Condition,
    Decimals,
    condition_reads,
    filtered,
    here_and_there,
    like,
    listed,
    quoted,
    said_where,
)
from ecorse.models.totals import At, Measure, Totals, TotalsCheck

PER_SHOP = ("shop_id",)
ROW_COUNT = Measure("row_count", "count(*)")
FLOAT_NOISE = "1e-14"
"""By what part of its size a double precision number may be off after a few steps."""
SharePair = Annotated[
    str, like(r"[a-z_][a-z0-9_]* = [a-z_][a-z0-9_]*", "'share = measure', two columns")
]


def half_unit(decimals: int) -> str:
    """How far off rounding to so many decimals may be: ``5e-9`` for 8."""
    return f"5e-{decimals + 1}"


class _OfRows(Check):
    """A rule between rows where ``where`` holds; between all rows without it."""

    where: Condition = ""

    def reads(self) -> set[str]:
        return condition_reads(self.where)


class GroupCheck(_OfRows, TotalsCheck):
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


class _By(GroupCheck):
    """A rule about the rows alike in ``by``; a shop's without it."""

    by: Columns = PER_SHOP

    def groups(self) -> Columns:
        return self.by


class RowsPerGroup(_By):
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


class OneValue(_By):
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


class SharesSumToOne(_By):
    """Each of ``columns`` sums to 1 over the rows alike in ``by``.

    Rounded shares need not: n of them, each rounded to ``decimals``, may be off by n half units of
    the last decimal. With so many rows that a missing one hides in that, say ``share_of`` too.
    """

    check: Literal["shares_sum_to_one"] = "shares_sum_to_one"
    columns: Columns
    decimals: Decimals = 8

    def measures(self) -> Sequence[Measure]:
        return [m for c in self.columns for m in _summed(c)]

    def shown(self) -> Sequence[str]:
        return [quoted(c) for c in self.columns]

    def problem(self) -> str:
        return " or ".join(
            f"abs({quoted(c)} - 1) > {half_unit(self.decimals)} * {quoted(f'{c}_rows')} "
            f"+ {FLOAT_NOISE} * {quoted(f'{c}_size')}"
            for c in self.columns
        )

    def default_name(self) -> str:
        return f"shares_sum_to_one_{'_'.join(self.columns)}"

    def default_sentence(self) -> str:
        names = " or ".join(self.columns)
        return f"{names} does not sum to 1 per {', '.join(self.by)}{said_where(self.where)}"


class MeanIsOne(_By):
    """The mean of each of ``columns`` is 1 over the rows alike in ``by``: indices do this.

    The mean of values rounded to ``decimals`` may be off by half a unit of the last decimal. What
    they were divided by may be rounded too, where it is next to nothing (what nearly cancels out,
    or sold once in years): so they are held to eight digits of their sizes.
    """

    check: Literal["mean_is_one"] = "mean_is_one"
    columns: Columns
    decimals: Decimals = 8

    def measures(self) -> Sequence[Measure]:
        return [m for c in self.columns for m in _summed(c)]

    def shown(self) -> Sequence[str]:
        return [
            f"{quoted(c)} * 1.0 / nullif({quoted(f'{c}_rows')}, 0) as {quoted(c)}"
            for c in self.columns
        ]

    def problem(self) -> str:
        return " or ".join(
            f"abs({quoted(c)} - {quoted(f'{c}_rows')}) > "
            f"{half_unit(self.decimals)} * {quoted(f'{c}_rows')} + 1e-8 * {quoted(f'{c}_size')}"
            for c in self.columns
        )

    def default_name(self) -> str:
        return f"mean_is_one_{'_'.join(self.columns)}"

    def default_sentence(self) -> str:
        names = " or ".join(self.columns)
        return f"The mean of {names} is not 1 per {', '.join(self.by)}{said_where(self.where)}"


def _summed(column: str) -> list[Measure]:
    """A column's sum, under its own name, how many values it has, and the sum of their sizes."""
    c = quoted(column)
    return [
        Measure(column, f"sum({c})"),
        Measure(f"{column}_rows", f"count({c})"),
        Measure(f"{column}_size", f"sum(abs({c}))"),
    ]


class ShareOf(_OfRows):
    """Each share is its row's part of a total: ``shares`` says ``"order_share = orders"``.

    The total is the sum of the measure over the rows alike in ``by``; the share is null where that
    is 0 or null, and may be null for 0. Each row is held to half a unit of the last decimal,
    however many rows there are.
    """

    check: Literal["share_of"] = "share_of"
    shares: Annotated[tuple[SharePair, ...], NOT_EMPTY]
    by: Columns = PER_SHOP
    decimals: Decimals = 8

    def _pairs(self) -> list[tuple[str, str]]:
        return [here_and_there(pair) for pair in self.shares]

    def select(self, table: str, key: Sequence[str]) -> str:
        totals = {m: quoted(f"all_{m}") for _, m in self._pairs()}
        summed = [
            f"sum({quoted(m)}) over (partition by {listed(self.by)}) as {t}"
            for m, t in totals.items()
        ]
        shown = listed((*key, *self.by, *(c for pair in self._pairs() for c in pair)))
        problem = " or ".join(
            self._off(quoted(s), f"cast({quoted(m)} as numeric(38, 12)) / nullif({totals[m]}, 0)")
            for s, m in self._pairs()
        )
        return (
            f"select {shown}, {', '.join(totals.values())} from (select {shown}, "
            f"{', '.join(summed)} from {filtered(f'marts.{table}', self.where)}) as parts "
            f"where {problem}"
        )

    def _off(self, share: str, expected: str) -> str:
        return (
            f"abs(coalesce(cast({share} as numeric), 0) - coalesce({expected}, 0)) > "
            f"{half_unit(self.decimals)} + {FLOAT_NOISE} * coalesce(abs({share}), 0)"
        )

    def default_name(self) -> str:
        return f"share_of_{'_'.join(share for share, _ in self._pairs())}"

    def default_sentence(self) -> str:
        words = [f"{share} is not {measure} / all {measure}" for share, measure in self._pairs()]
        return f"{' or '.join(words)} per {', '.join(self.by)}{said_where(self.where)}"


class NoGaps(_By):
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


class NeverRises(_OfRows):
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


class Symmetric(_OfRows):
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
