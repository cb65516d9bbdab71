"""Conditions in SQL: comparisons, ``and or not``, ``between``, ``in``, ``is``, ``like``.

What belongs here: what these nodes mean. What does not: which nodes there may be (``whitelist``),
what can be compared (``operands``).
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from sqlglot import exp

from ecorse.clean.functions import like
from ecorse.clean.nodes import only, said
from ecorse.clean.operands import ExpressionError, Value, alike, need

COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
Part = Callable[[exp.Expr], Value]


def compare(sign: str, left: Value, right: Value, text: str) -> Value:
    """Compare two values; null where one is null.

    Raises
    ------
    ExpressionError
        They cannot be compared: other kinds, or texts by size.
    """
    a, b = alike((left, right), f"{text}")
    if sign not in ("=", "<>") and (worded := next((v for v in (a, b) if v.kind == "text"), None)):
        raise ExpressionError(
            f"{text} would compare texts letter by letter, where '10' comes before '9'; if "
            f"{worded.text} holds whole numbers, say cast({worded.text} as integer)"
        )
    compared = {
        "=": a.expr.__eq__, "<>": a.expr.__ne__, "<": a.expr.__lt__, "<=": a.expr.__le__,
        ">": a.expr.__gt__, ">=": a.expr.__ge__,
    }  # fmt: skip
    return Value(compared[sign](b.expr), "boolean", text)


def _comparison(node: exp.Expr, part: Part) -> Value:
    only(node, "this", "expression")
    return compare(COMPARISONS[type(node)], part(node.this), part(node.expression), said(node))


def _logic(node: exp.Expr, part: Part) -> Value:
    """``and``, ``or``, ``not``: null where the rest does not decide."""
    only(node, "this", "expression")
    word = "and" if isinstance(node, exp.And) else "or" if isinstance(node, exp.Or) else "not"
    sides = [need(part(n), "boolean", of=word) for n in (node.this, node.args.get("expression"))
             if n is not None]  # fmt: skip
    parts = [s.expr.cast(pl.Boolean) for s in sides]
    made = (
        ~parts[0]
        if word == "not"
        else parts[0] & parts[1]
        if word == "and"
        else (parts[0] | parts[1])
    )
    return Value(made, "boolean", said(node))


def _between(node: exp.Expr, part: Part) -> Value:
    only(node, "this", "low", "high", "negate")
    text, value = said(node), part(node.this)
    low = compare(">=", value, part(node.args["low"]), text)
    high = compare("<=", value, part(node.args["high"]), text)
    return _negated(node, low.expr & high.expr)


def _in(node: exp.Expr, part: Part) -> Value:
    only(node, "this", "expressions", "negate")
    text, value = said(node), part(node.this)
    if not node.expressions:
        raise ExpressionError(f"{text}: expected a list such as in ('a', 'b')")
    found = [compare("=", value, part(n), text).expr for n in node.expressions]
    return _negated(node, pl.any_horizontal(found))


def _is(node: exp.Expr, part: Part) -> Value:
    only(node, "this", "expression", "negate")
    value = part(node.this)
    if isinstance(node.expression, exp.Null):
        return _negated(node, value.expr.is_null())
    if isinstance(node.expression, exp.Boolean):
        need(value, "boolean", of="is true")
        return _negated(node, value.expr.eq_missing(pl.lit(bool(node.expression.this))))
    raise ExpressionError(f"{said(node)}: expected is null, is true or is false")


def _like(node: exp.Expr, part: Part) -> Value:
    only(node, "this", "expression", "negate")
    ignore_case = isinstance(node, exp.ILike)
    return _negated(node, like(part(node.this), part(node.expression), said(node), ignore_case))


def _negated(node: exp.Expr, condition: pl.Expr) -> Value:
    return Value(~condition if node.args.get("negate") else condition, "boolean", said(node))


CLAUSES: dict[type[exp.Expr], Callable[[exp.Expr, Part], Value]] = {
    **dict.fromkeys((exp.And, exp.Or, exp.Not), _logic), **dict.fromkeys(COMPARISONS, _comparison),
    exp.Between: _between, exp.In: _in, exp.Is: _is, exp.Like: _like, exp.ILike: _like,
}  # fmt: skip
