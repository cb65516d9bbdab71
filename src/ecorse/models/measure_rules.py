"""The rules that hold a column with a measure's name to what the measure means.

What belongs here: one class per way in which a mart's rows relate to the shop's figure, with its
sentence and its select. What does not: what the measures are and which mart has them
(``ecorse.refresh.measures``), and the rules that a header declares itself (``table_rules``).

A sum over no rows is null in SQL and 0 to a shop, so both are alike here.
"""

from __future__ import annotations

from collections.abc import Sequence

from ecorse.models.checks import (
    Check,
    Column,
    Condition,
    MeasurePair,
    Source,
    as_sum,
    condition_reads,
    filtered,
    here_and_there,
    listed,
    quoted,
    said_where,
)
from ecorse.models.row_rules import RowCheck
from ecorse.models.table_rules import Pairs
from ecorse.models.totals import At, Measure, Totals, TotalsCheck


class _AgainstCanonical(Check):
    """A column against the canonical figure: ``total`` of ``table``, per group of ``by``."""

    measure: Column
    table: Source
    total: MeasurePair
    by: Pairs
    where: Condition = ""
    where_there: Condition = ""

    def reads(self) -> set[str]:
        return {self.table} | condition_reads(self.where, self.where_there)

    def default_name(self) -> str:
        return f"measure_{self.measure}"

    def _there(self) -> Totals:
        keys = tuple(dict.fromkeys(there for _, there in map(here_and_there, self.by)))
        total = Measure(self.measure, as_sum(self.total))
        return Totals(self.table, keys, (total,), self.where_there)

    def _on(self) -> str:
        pairs = map(here_and_there, self.by)
        return " and ".join(f"here.{quoted(h)} = there.{quoted(t)}" for h, t in pairs)

    def _canonical(self) -> str:
        figure = self.total if self.total.startswith("count(") else f"sum({self.total})"
        return f"{figure} of {self.table}{said_where(self.where_there)}"


class MeasureWhole(_AgainstCanonical, TotalsCheck):
    """The rows of each group, and of each value of ``each``, add up to the canonical figure.

    ``only_here`` leaves out groups that this mart has no row of (a month cut off, say).
    """

    each: tuple[Column, ...] = ()
    only_here: bool = False

    def compare(self, table: str, at: At) -> str:
        pairs = [here_and_there(pair) for pair in self.by]
        keys = tuple(dict.fromkeys([*(h for h, _ in pairs), *self.each]))
        here = Totals(
            f"marts.{table}", keys, (Measure(self.measure, as_sum(self.measure)),), self.where
        )
        shown = [f"coalesce(here.{quoted(h)}, there.{quoted(t)}) as {quoted(h)}" for h, t in pairs]
        shown += [f"here.{quoted(column)}" for column in self.each]
        name = quoted(self.measure)
        join = "left" if self.only_here else "full"
        return (
            f"select {', '.join(shown)}, here.{name}, there.{name} as canonical "
            f"from {here.read(at)} as here {join} join {self._there().read(at)} as there "
            f"on {self._on()} where coalesce(here.{name}, 0) <> coalesce(there.{name}, 0)"
        )

    def default_sentence(self) -> str:
        groups = ", ".join((*(here_and_there(pair)[0] for pair in self.by), *self.each))
        return (
            f"{self.measure} do not add up to the shop's: the rows{said_where(self.where)} per "
            f"{groups} against {self._canonical()}"
        )


class MeasurePart(_AgainstCanonical, TotalsCheck):
    """No row is below 0 or above the canonical figure: parts that may overlap."""

    def compare(self, table: str, at: At) -> str:
        pairs = [here_and_there(pair) for pair in self.by]
        name = quoted(self.measure)
        columns = listed([*(h for h, _ in pairs), self.measure])
        return (
            f"select {listed([h for h, _ in pairs], 'here')}, here.{name}, there.{name} as "
            f"canonical from (select {columns} from {filtered(f'marts.{table}', self.where)}) "
            f"as here left join {self._there().read(at)} as there on {self._on()} "
            f"where here.{name} < 0 or here.{name} > coalesce(there.{name}, 0)"
        )

    def default_sentence(self) -> str:
        return f"{self.measure} of a row are below 0 or above the shop's: {self._canonical()}"


class MeasureFormula(RowCheck):
    """Each row's value is what the measure's formula gives of columns of the same row."""

    measure: Column
    formula: str
    columns: tuple[Column, ...]

    def about(self) -> Sequence[str]:
        return (self.measure, *self.columns)

    def problem(self) -> str:
        return f"{quoted(self.measure)} is distinct from {self.formula}"

    def default_name(self) -> str:
        return f"measure_{self.measure}"

    def default_sentence(self) -> str:
        return f"{self.measure} is not {self.formula}{said_where(self.where)}"
