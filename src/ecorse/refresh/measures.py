"""The measures: what each means (``include/sql/measures.toml``), and the marts that have them.

What belongs here: reading the file, how a mart's header binds a column to a measure, and the checks
that follow from it. What does not: the rules themselves (``ecorse.models.measure_rules``), reading
a mart's file (``marts``), running checks (``audit``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Literal

from pydantic import Field

from ecorse import declared
from ecorse.models.checks import (
    Check,
    CheckName,
    Column,
    Columns,
    Condition,
    MeasurePair,
    Source,
)
from ecorse.models.measure_rules import MeasureFormula, MeasurePart, MeasureWhole
from ecorse.models.table_rules import PER_SHOP, Pairs

MEASURES = "measures.toml"


class Measure(declared.Table):
    """What a measure means: words, and either a canonical select or a formula of one row."""

    sentence: str = Field(min_length=1, description="a sentence: what it is")
    unit: str = Field(min_length=1, description="what it is counted in, such as orders")
    table: Source | Literal[""] = ""
    sum: MeasurePair | Literal[""] = ""
    where: Condition = ""
    month: Column = "order_month_date"
    formula: str = ""
    is_signed: bool = False
    is_distinct: bool = False

    def formula_columns(self) -> tuple[str, ...]:
        """The columns that its formula reads, in order."""
        from sqlglot import exp, parse_one

        parsed = parse_one(self.formula, dialect="postgres")
        return tuple(dict.fromkeys(column.name for column in parsed.find_all(exp.Column)))


class Measures(declared.Table):
    """Every measure by name."""

    measures: dict[Column, Measure]

    def mistakes(self) -> Iterable[str]:
        for name, measure in self.measures.items():
            if bool(measure.formula) == bool(measure.table and measure.sum):
                yield f"{name}: expected either table and sum, or a formula"


class Binding(declared.Table):
    """How a mart's rows relate to the shop's figure of some measures (``[[measures]]``).

    ``rows`` is ``whole``: the rows where ``where`` holds add up to the canonical figure, per group
    of ``by`` (the shop) and of ``month``, for each value of ``each`` on its own; ``part``: parts
    that may overlap, each between 0 and it; ``own``: the check ``check`` of the mart holds them to
    it, as no sum can. ``where_there`` says which of the canonical rows count here; ``table`` is
    another mart with the same column that these rows are compared with instead.
    """

    names: Columns = Field(description='the columns, such as ["orders", "units"]')
    rows: Literal["whole", "part", "own"] = Field(description='"whole", "part" or "own"')
    by: Pairs = PER_SHOP
    month: Column | Literal[""] = ""
    each: tuple[Column, ...] = ()
    where: Condition = ""
    where_there: Condition = ""
    table: Source | Literal[""] = ""
    only_here: bool = False
    check: CheckName = ""

    def mistakes(self) -> Iterable[str]:
        if (self.rows == "own") != bool(self.check):
            yield 'check names what holds the column to the measure, where rows = "own"'
        if self.rows != "whole" and (self.each or self.only_here):
            yield 'each and only_here are for rows = "whole"'


@lru_cache(maxsize=8)
def read_measures(texts: tuple[str, ...]) -> Mapping[str, Measure]:
    """Every measure of the layers of ``measures.toml``, the later over the earlier.

    Raises
    ------
    ConfigError
        A file says something that no measure can be; the message names it.
    """
    found: dict[str, Measure] = {}
    for text in texts:
        document = {"measures": declared.parse(text, MEASURES)}
        found |= declared.check(document, Measures, MEASURES).measures
    return found


def measure_checks(
    mart: str, names: Iterable[str], bindings: Iterable[Binding], measures: Mapping[str, Measure]
) -> Iterator[Check]:
    """The checks that hold a mart's columns to the measures they are named like.

    Parameters
    ----------
    names
        The mart's columns.
    """
    bound = {name: binding for binding in bindings for name in binding.names}
    for name in names:
        measure = measures.get(name)
        if measure is None or _is_source(mart, name, measure):
            continue
        if measure.formula:
            where = bound[name].where if name in bound else ""
            yield MeasureFormula(
                measure=name,
                formula=measure.formula,
                columns=measure.formula_columns(),
                where=where,
            )
        elif bound[name].rows != "own":
            yield _against_canonical(name, measure, bound[name])


def binding_mistakes(
    mart: str,
    names: tuple[str, ...],
    bindings: tuple[Binding, ...],
    measures: Mapping[str, Measure],
    checks: Iterable[str],
) -> Iterator[str]:
    """What does not fit between a mart's columns, its bindings and the measures."""
    bound = [name for binding in bindings for name in binding.names]
    for binding in bindings:
        yield from binding.mistakes()
        if binding.rows == "own" and binding.check not in set(checks):
            yield f"[[measures]] names the check {binding.check!r}, which the mart does not have"
        for name in binding.names:
            if name not in names or name not in measures:
                what = (
                    "column of the final select" if name not in names else f"measure ({MEASURES})"
                )
                yield f"[[measures]] binds {name!r}, which is no {what}"
            elif " or " in f"{measures[name].where} {binding.where_there}":
                yield f"{name}: its conditions are joined by and, so neither may hold an or"
            elif binding.rows == "part" and measures[name].is_signed:
                yield f'{name} may be below 0, so rows = "part" says nothing of it'
    for name in sorted({name for name in bound if bound.count(name) > 1}):
        yield f"[[measures]] binds {name!r} twice"
    for name in names:
        if name not in measures or _is_source(mart, name, measures[name]):
            continue
        if formula := measures[name].formula:
            for column in measures[name].formula_columns():
                if column not in names:
                    yield (
                        f"the measure {name!r} is {formula}, but there is no column {column!r} "
                        f"here; add it, or call {name!r} otherwise"
                    )
        elif name not in bound:
            yield (
                f"the column {name!r} is called like a measure of {MEASURES} "
                f"({measures[name].sentence}); say under [[measures]] how its rows relate to the "
                "shop's total, or call it otherwise"
            )


def _is_source(mart: str, name: str, measure: Measure) -> bool:
    """Whether the column is what the measure itself is summed from."""
    return (measure.table, measure.sum) == (f"marts.{mart}", name)


def _against_canonical(name: str, measure: Measure, binding: Binding) -> Check:
    """The check of one column; it compares with the canonical rows, or with another mart's."""
    month = (f"{binding.month} = {measure.month}",) if binding.month else ()
    if binding.table:
        table, total, where, by = binding.table, name, binding.where_there, binding.by
    else:
        table, total, by = measure.table, measure.sum, (*binding.by, *month)
        where = " and ".join(c for c in (measure.where, binding.where_there) if c)
    if binding.rows == "part":
        return MeasurePart(
            measure=name, table=table, total=total, by=by, where=binding.where, where_there=where
        )
    return MeasureWhole(
        measure=name,
        table=table,
        total=total,
        by=by,
        where=binding.where,
        where_there=where,
        each=binding.each,
        only_here=binding.only_here,
    )
