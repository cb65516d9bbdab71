"""What a mapping says by conditions: rules, and targets that depend on the row (``[[set]]``).

What belongs here: their shape, their checks, and setting targets. What does not: the language of
conditions (``ecorse.clean.expressions``), holding rows to rules (``ecorse.clean.rules``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field

from ecorse.clean.expressions import Name, compile
from ecorse.clean.operands import ExpressionError
from ecorse.clean.rules import compile_rule
from ecorse.declared import Table
from ecorse.schema.contract import Level, Rule
from ecorse.schema.table import StagingTable

Text = Annotated[str, Field(min_length=1)]
Setting = dict[str, str | int | float | bool]  # `when`, and what its rows have


class RuleTable(Table):
    """A condition on a canonical column, or on the whole row (``expr``); see ``Rule``."""

    id: Text
    sentence: Text
    column: Text | None = None
    check: Literal["not_empty", "greater", "at_least", "at_most", "one_of", "matches"] | None = None
    bound: str = ""
    expr: Text | None = None
    level: Level = "reject"

    def rule(self) -> Rule:
        """The rule that rows are held to."""
        if self.expr is not None:
            return Rule(self.id, "", "holds", self.sentence, self.expr, self.level)
        assert self.column is not None
        assert self.check is not None
        return Rule(self.id, self.column, self.check, self.sentence, self.bound, self.level)

    def wrong(self, given: Iterable[str], names: Mapping[str, Name]) -> Iterator[str]:
        """What the rule says that cannot be."""
        if self.expr is not None:
            if self.column is not None or self.check is not None or self.bound:
                yield f"rule {self.id!r}: expr stands alone, without column, check and bound"
                return
            try:
                compile_rule(self.rule(), names)
            except ExpressionError as error:
                yield f"rule {self.id!r}: {error}"
        elif self.column is None or self.check is None:
            yield f"rule {self.id!r}: expected expr, or column and check"
        elif self.column not in given:
            yield f"rule {self.id!r}: no column fills {self.column!r}"


def wrong_settings(
    settings: Sequence[Setting], staging: StagingTable, names: Mapping[str, Name]
) -> Iterator[str]:
    """What ``[[set]]`` says that cannot be."""
    for number, setting in enumerate(settings, 1):
        place = f"set {number}"
        when = setting.get("when")
        if not isinstance(when, str) or len(setting) < 2:
            yield f"{place}: expected when = a condition, and a target with what it is then"
            continue
        try:
            compile(when, names, is_condition=True)
        except ExpressionError as error:
            yield f"{place}: {error}"
        for target, value in _targets(setting).items():
            column = staging.column(target)
            if target not in staging.targets():
                yield f"{place}: staging.{staging.name} has no column {target!r} that can be set"
            elif column is not None and column.allowed and value not in column.allowed:
                allowed = ", ".join(column.allowed)
                yield f"{place}: {target} = {value!r}: expected one of {allowed}"


def set_targets(
    frame: pl.DataFrame,
    settings: Sequence[Setting],
    names: Mapping[str, Name],
    shop: Mapping[str, str],
) -> pl.DataFrame:
    """Give targets the value of the first ``[[set]]`` whose condition holds, each on its own.

    ``frame`` has every target as a column; what no condition holds for stays as it is.
    """
    conditions = [
        (compile(str(s["when"]), names, shop=shop, is_condition=True).expr, _targets(s))
        for s in settings
    ]
    made: dict[str, pl.Expr] = {}
    for condition, targets in reversed(conditions):
        for target, value in targets.items():
            otherwise = made.get(target, pl.col(target))
            dtype = frame.schema[target]
            literal = pl.lit(str(value)).cast(dtype) if dtype != pl.Boolean else pl.lit(value)
            made[target] = pl.when(condition).then(literal).otherwise(otherwise)
    return frame.with_columns(expr.alias(target) for target, expr in made.items())


def _targets(setting: Setting) -> dict[str, Any]:
    return {target: value for target, value in setting.items() if target != "when"}
