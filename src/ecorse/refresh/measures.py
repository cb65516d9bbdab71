"""The measures: what each means (``include/sql/measures.toml``), and the marts that have them.

What belongs here: reading the file, and the checks that follow from how a mart or a model's table
binds its columns (``ecorse.models.binding``). What does not: the rules themselves
(``ecorse.models.measure_rules``), reading a mart's file (``marts``), running checks (``audit``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Literal, TypeVar

from pydantic import Field

from ecorse import declared
from ecorse.models.binding import Binding
from ecorse.models.checks import Check, Column, Condition, MeasurePair, Source
from ecorse.models.measure_rules import MeasureFormula, MeasurePart, MeasureWhole
from ecorse.models.relation import Relation
from ecorse.settings import Settings

MEASURES = "measures.toml"
AnyTable = TypeVar("AnyTable", bound=Relation)


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


def every_measure(settings: Settings) -> Mapping[str, Measure]:
    """Every measure, of the shipped file and of the project's over it."""
    return read_measures(
        tuple(path.read_text("utf-8") for path in settings.stack(f"sql/{MEASURES}"))
    )


def with_measures(table: AnyTable, measures: Mapping[str, Measure], where: str) -> AnyTable:
    """The table with what its columns mean and the checks that hold them to it.

    Raises
    ------
    ConfigError
        A column is called like a measure and not bound to it; the message begins with ``where``.
    """
    names = tuple(table.columns)
    own = [check.called() for check in table.checks]
    declared.refuse(where, list(binding_mistakes(table, measures, own)))
    columns = {
        name: column._replace(comment=_told(measures, name, column.comment))
        for name, column in table.columns.items()
    }
    checks = (*table.checks, *measure_checks(table.name, names, table.bindings, measures))
    return replace(table, columns=columns, checks=checks)


def _told(measures: Mapping[str, Measure], name: str, own: str) -> str:
    """A column's comment: the measure's sentence first, then what this table adds."""
    if name not in measures:
        return own
    return f"{measures[name].sentence}. {own}" if own else measures[name].sentence


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
    table: Relation, measures: Mapping[str, Measure], checks: Iterable[str]
) -> Iterator[str]:
    """What does not fit between a table's columns, its bindings and the measures."""
    mart, names, bindings = table.name, tuple(table.columns), table.bindings
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
                f"({measures[name].sentence}); say under [[measures]] (of a "
                "model's table: in its bindings) how its rows relate to the "
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
