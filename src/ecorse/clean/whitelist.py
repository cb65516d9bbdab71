"""Which SQL an expression may hold: each kind of node that sqlglot gives, and what it means.

What belongs here: the walk over the nodes; whatever is not listed is refused. What does not: the
text, its limits and its names (``expressions``), conditions (``clauses``), what operators and
functions do (``operands``, ``functions``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl
from sqlglot import exp

from ecorse.clean import operands
from ecorse.clean.clauses import CLAUSES, Part, compare
from ecorse.clean.functions import FUNCTIONS, as_text, call, convert
from ecorse.clean.nodes import arguments, called, only, said
from ecorse.clean.operands import PRECISION, ExpressionError, Value, alike, any_lost, losing, need

MOST_DEPTH = 40
OF_ROWS = ("previous", "count_of", "sum_of")  # functions of other rows
TYPES = {
    exp.DType.INT: "integer", exp.DType.BIGINT: "integer", exp.DType.DECIMAL: "decimal",
    exp.DType.TEXT: "text", exp.DType.VARCHAR: "text", exp.DType.DATE: "date",
    exp.DType.TIMESTAMP: "timestamp",
}  # fmt: skip


@dataclass
class Walk:
    """One walk over an expression's nodes; ``previous`` gathers the values of the row before."""

    column: Callable[[str], Value]
    of_other_rows: bool
    previous: list[tuple[str, pl.Expr]] = field(default_factory=list)
    named: dict[str, Value] = field(default_factory=dict)
    sums: dict[str, Value] = field(default_factory=dict)

    def value(self, node: exp.Expr, depth: int = 0) -> Value:
        """What a node stands for.

        Raises
        ------
        ExpressionError
            It is none of those that may be said, or its parts do not go together.
        """
        if depth > MOST_DEPTH:
            raise ExpressionError(f"it is nested deeper than {MOST_DEPTH} levels")

        def part(of: exp.Expr) -> Value:
            return self.value(of, depth + 1)

        if isinstance(node, exp.Column):
            return self._column(node)
        if (name := called(node)) is not None:
            return self._call(name, node, part)
        make = _MEANINGS.get(type(node))
        if make is None:
            raise ExpressionError(f"{said(node)} is nothing that an expression may say")
        return make(node, part)

    def _column(self, node: exp.Column) -> Value:
        name = ".".join(part.name for part in node.parts)
        if name not in self.named:
            self.named[name] = self.column(name)
        return self.named[name]

    def _call(self, name: str, node: exp.Expr, part: Part) -> Value:
        if name == "previous":
            return self._previous(node, part)
        if name == "sum_of":
            return self._sum(node, part)
        if name == "count_of":
            raise ExpressionError(
                "count_of(x) has to be one side of the whole rule: count_of(order_id) = lines"
            )
        if name not in FUNCTIONS:
            known = ", ".join(sorted((*FUNCTIONS, *OF_ROWS, "cast", "case")))
            raise ExpressionError(f"there is no function {name}(); there are {known}")
        parts = [part(argument) for argument in arguments(node)]
        made = call(name, said(node), parts)
        return replace(made, lost=any_lost([p.lost for p in parts]))

    def _previous(self, node: exp.Expr, part: Part) -> Value:
        """The value of the row before: a column of its own, which is moved by one row."""
        if not self.of_other_rows:
            raise ExpressionError("previous() is for rules alone")
        if len(node.expressions) != 1 or node.expressions[0].find(exp.Anonymous):
            raise ExpressionError(
                "previous() takes one value of the row itself, such as previous(order_id)"
            )
        of = part(node.expressions[0])
        name = f"_previous_{len(self.previous)}"
        self.previous.append((name, of.expr))
        found = replace(of, expr=pl.col(name), text=said(node), constant=None)
        self.named[found.text] = found
        return found

    def _sum(self, node: exp.Expr, part: Part) -> Value:
        """What a value adds up to over the order: a column that the cleaning makes."""
        inner = node.expressions
        if len(inner) != 1 or any(called(n) in OF_ROWS for n in inner[0].find_all(exp.Anonymous)):
            raise ExpressionError("sum_of() takes one number of the row itself, such as sum_of(x)")
        of = need(part(inner[0]), "number", of="sum_of()")
        text = inner[0].sql(dialect="postgres")
        self.sums[text] = of
        digits = min(of.digits + 6, PRECISION - of.scale)
        column = pl.col(sum_column(text))
        found = replace(of, expr=column, text=said(node), digits=digits, constant=None)
        self.named[found.text] = found
        return found


def sum_column(text: str) -> str:
    """The column of the typed frame that has ``sum_of(text)``."""
    return f"sum_of({text})"


def _literal(node: exp.Expr, part: Part) -> Value:
    if node.is_string:
        return Value(pl.lit(node.this), "text", f"'{node.this}'", constant=node.this)
    return operands.literal_number(node.this)


def _arithmetic(node: exp.Expr, part: Part) -> Value:
    only(node, "this", "expression")
    text, sides = said(node), [part(node.this), part(node.expression)]
    for side in sides:
        need(side, "number", of=text)
        if side.kind == "nothing":
            return side
    left, right = sides
    makers: dict[type[exp.Expr], Callable[[Value, Value, str], Value]] = {
        exp.Add: operands.add, exp.Sub: operands.subtract, exp.Mul: operands.multiply,
        exp.Div: operands.divide, exp.Mod: operands.remainder,
    }  # fmt: skip
    return losing(makers[type(node)](left, right, text), sides)


def _minus(node: exp.Expr, part: Part) -> Value:
    only(node, "this")
    of = need(part(node.this), "number", of="-")
    # not its constant any more: a place such as -1 is none that round() or left() can take
    return (
        of if of.kind == "nothing" else replace(of, expr=-of.expr, text=said(node), constant=None)
    )


def _case(node: exp.Expr, part: Part) -> Value:
    """``case when ... then ... else ... end``; with a value before ``when``, that is compared."""
    only(node, "this", "ifs", "default")
    text = said(node)
    conditions, chosen = [], []
    for branch in node.args["ifs"]:
        only(branch, "this", "true")
        when = part(branch.this)
        if node.this is not None:
            when = compare("=", part(node.this), when, text)
        conditions.append(need(when, "boolean", of="when").expr)
        chosen.append(part(branch.args["true"]))
    default = node.args.get("default")
    chosen.append(part(default) if default is not None else _null(node, part))
    same = alike(chosen, text)
    made, lost = same[-1].expr, chosen[-1].lost
    is_lost = any(value.lost is not None for value in chosen)
    branches = list(zip(conditions, same, chosen, strict=False))
    for condition, value, as_said in reversed(branches):
        made = pl.when(condition).then(value.expr).otherwise(made)
        if is_lost:  # only what is chosen can be
            lost = pl.when(condition).then(_or_no(as_said.lost)).otherwise(_or_no(lost))
    first = next((v for v in same if v.kind != "nothing"), same[0])
    return replace(first, expr=made, text=text, constant=None, lost=lost)


def _or_no(lost: pl.Expr | None) -> pl.Expr:
    return pl.lit(False) if lost is None else lost


def _cast(node: exp.Expr, part: Part) -> Value:
    only(node, "this", "to")
    to = TYPES.get(node.args["to"].this)
    if to is None or node.args["to"].expressions:
        raise ExpressionError(
            f"{said(node)}: expected cast(... as integer, decimal, text, date or timestamp)"
        )
    of = part(node.this)
    if isinstance(of.constant, str) and to in ("date", "timestamp"):  # date '2024-05-31'
        of = replace(of, constant=None)
    made = convert(of, to, said(node))
    return made if of.kind == "nothing" else losing(made, [of])


def _joined(node: exp.Expr, part: Part) -> Value:
    """``a || b``: null where one of them is."""
    only(node, "this", "expression")
    both = [as_text(part(n), "||") for n in (node.this, node.expression)]
    return Value(pl.concat_str(both), "text", said(node))


def _null(node: exp.Expr, part: Part) -> Value:
    return Value(pl.lit(None), "nothing", "null")


def _boolean(node: exp.Expr, part: Part) -> Value:
    return Value(pl.lit(bool(node.this)), "boolean", said(node))


def _paren(node: exp.Expr, part: Part) -> Value:
    only(node, "this")
    return part(node.this)


_MEANINGS: dict[type[Any], Callable[[exp.Expr, Part], Value]] = {
    exp.Paren: _paren, exp.Literal: _literal, exp.Null: _null, exp.Boolean: _boolean,
    exp.Neg: _minus, **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), _arithmetic),
    **CLAUSES, exp.Case: _case, exp.Cast: _cast, exp.DPipe: _joined,
}  # fmt: skip
