"""The named checks between two tables: what stands here must agree with what stands there.

What belongs here: one class per rule, with its arguments, its sentence and its select. What does
not: rules about one table (``row_rules``, ``group_rules``).

``marts.<table>`` is here, ``table`` is there. A column is named once where both call it the same,
else as ``"here = there"``. An account that balances is the rule that finds most: money and pieces
of a mart against the rows it was made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from ecorse.models.checks import (
    NOT_EMPTY,
    Check,
    Column,
    ColumnPair,
    Condition,
    MeasurePair,
    Source,
    as_sum,
    as_word,
    condition_reads,
    filtered,
    here_and_there,
    listed,
    quoted,
    said_where,
    spoken,
)
from ecorse.models.totals import At, Measure, Totals, TotalsCheck

Pairs = Annotated[tuple[ColumnPair, ...], NOT_EMPTY]
PER_SHOP = ("shop_id",)


class _BetweenTables(Check):
    """A rule between the rows here where ``where`` holds and those there where ``where_there``."""

    table: Source
    where: Condition = ""
    where_there: Condition = ""

    def reads(self) -> set[str]:
        return {self.table} | condition_reads(self.where, self.where_there)

    def _other(self) -> str:
        return self.table.partition(".")[2]

    def _said(self) -> str:
        return said_where(self.where) + (
            said_where(self.where_there) and (f" (there{said_where(self.where_there)})")
        )


class SumsMatch(_BetweenTables, TotalsCheck):
    """Sums here are the sums there, per group of ``by``; a group is missing on neither side.

    A group that there is none of there may stand here with sums of 0. ``each`` names columns that
    only this side has: the sums of each of their values must match on their own.
    """

    check: Literal["sums_match"] = "sums_match"
    sums: Annotated[tuple[MeasurePair, ...], NOT_EMPTY]
    by: Pairs = PER_SHOP
    each: tuple[Column, ...] = ()

    def _totals(self, table: str) -> tuple[Totals, Totals]:
        """The sums here and there, under the same names."""
        pairs = [here_and_there(pair) for pair in self.by]
        sums = [(as_word(h), h, t) for h, t in map(here_and_there, self.sums)]
        return (
            Totals(
                f"marts.{table}",
                tuple(dict.fromkeys([*(h for h, _ in pairs), *self.each])),
                tuple(Measure(word, as_sum(h)) for word, h, _ in sums),
                self.where,
            ),
            Totals(
                self.table,
                tuple(dict.fromkeys(t for _, t in pairs)),
                tuple(Measure(word, as_sum(t)) for word, _, t in sums),
                self.where_there,
            ),
        )

    def compare(self, table: str, at: At) -> str:
        pairs = [here_and_there(pair) for pair in self.by]
        here, there = self._totals(table)
        words = [measure.name for measure in here.measures]
        shown = [f"coalesce(here.{quoted(h)}, there.{quoted(t)}) as {quoted(h)}" for h, t in pairs]
        shown += [f"here.{quoted(c)}" for c in self.each]
        for word in words:
            shown += [f"here.{quoted(word)}", f"there.{quoted(word)} as {quoted(f'{word}_there')}"]
        problem = " or ".join(
            f"here.{quoted(w)} is distinct from there.{quoted(w)} "
            f"and (there.{quoted(there.by[0])} is not null or here.{quoted(w)} <> 0)"
            for w in words
        )
        return (
            f"select {', '.join(shown)} from {here.read(at)} as here "
            f"full join {there.read(at)} as there on {_equal(pairs)} where {problem}"
        )

    def default_name(self) -> str:
        return f"sums_match_{self._other()}"

    def default_sentence(self) -> str:
        words = [as_word(here_and_there(pair)[0]).replace("_", " ") for pair in self.sums]
        return f"{spoken(words).capitalize()} differ from {self.table}{self._said()}"


class References(_BetweenTables):
    """Every row here has a row there that is alike in ``on``."""

    check: Literal["references"] = "references"
    on: Pairs = PER_SHOP

    def select(self, table: str, key: Sequence[str]) -> str:
        pairs = [here_and_there(pair) for pair in self.on]
        here, there = [h for h, _ in pairs], [t for _, t in pairs]
        shown = listed([*key, *here])
        return (
            f"select {listed([*key, *here], 'here')} from (select {shown} "
            f"from {filtered(f'marts.{table}', self.where)}) as here where not exists "
            f"(select 1 from (select {listed(there)} from "
            f"{filtered(self.table, self.where_there)}) as there where {_equal(pairs)})"
        )

    def default_name(self) -> str:
        return f"references_{self._other()}"

    def default_sentence(self) -> str:
        return f"A row has no row in {self.table} with its {spoken(self.on)}{self._said()}"


class Covers(_BetweenTables, TotalsCheck):
    """Every row there has a row here that is alike in ``on``."""

    check: Literal["covers"] = "covers"
    on: Pairs = PER_SHOP

    def compare(self, table: str, at: At) -> str:
        pairs = [here_and_there(pair) for pair in self.on]
        here, there = [h for h, _ in pairs], [t for _, t in pairs]
        different = Totals(self.table, tuple(dict.fromkeys(there)), (), self.where_there)
        return (
            f"select {listed(there, 'there')} from {different.read(at)} as there where not exists "
            f"(select 1 from (select {listed(here)} from "
            f"{filtered(f'marts.{table}', self.where)}) as here where {_equal(pairs)})"
        )

    def default_name(self) -> str:
        return f"covers_{self._other()}"

    def default_sentence(self) -> str:
        return f"A {spoken(self.on)} of {self.table} has no row{self._said()}"


def _equal(pairs: Sequence[tuple[str, str]]) -> str:
    return " and ".join(f"here.{quoted(h)} = there.{quoted(t)}" for h, t in pairs)
