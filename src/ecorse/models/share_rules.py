"""The named checks of shares and indices: columns that are parts of a total.

What belongs here: one class per rule. It allows for what rounding makes of any number of rows, and
no more (``rounding``). What does not: other rules of groups (``group_rules``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from ecorse.models.checks import (
    NOT_EMPTY,
    Columns,
    filtered,
    here_and_there,
    like,
    listed,
    quoted,
    said_where,
)
from ecorse.models.group_rules import PER_SHOP, BetweenRows, GroupByCheck
from ecorse.models.rounding import FLOAT_NOISE, Decimals, half_unit
from ecorse.models.totals import Measure

SharePair = Annotated[
    str, like(r"[a-z_][a-z0-9_]* = [a-z_][a-z0-9_]*", "'share = measure', two columns")
]


class SharesSumToOne(GroupByCheck):
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


class MeanIsOne(GroupByCheck):
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


def _part(measure: str, total: str) -> str:
    """What part of a total a measure is; null where it is none."""
    return (
        f"case when {measure} between 0 and {total} and {total} > 0 "
        f"then cast({measure} as numeric(38, 12)) / {total} end"
    )


class ShareOf(BetweenRows):
    """Each share is its row's part of a total: ``shares`` says ``"order_share = orders"``.

    The total is the sum of the measure over the rows alike in ``by``. The share is null where the
    measure is no part of it (below 0 or above it, as cancellations leave some, or all are 0), and
    may be null for 0. Each row is held to half a unit of the last decimal, however many there are.
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
            self._off(quoted(s), _part(quoted(m), totals[m])) for s, m in self._pairs()
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
