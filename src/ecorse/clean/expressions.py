"""Expressions of mappings and rules: SQL text, read by sqlglot, as Polars expressions.

What belongs here: reading the text, its limits and its names, and errors that have the text. What
does not: what may be said (``whitelist``), what follows from an expression (``rules``).

Nothing but what is listed there runs: an expression reads the row's own values, and for
``previous``, ``count_of`` and ``sum_of`` those of other rows of the file.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokens import TokenType  # type: ignore[attr-defined]

from ecorse.clean.clauses import COMPARISONS
from ecorse.clean.nodes import called
from ecorse.clean.operands import ExpressionError, Kind, Value, need, of_column
from ecorse.clean.whitelist import Walk
from ecorse.clock import local_to_utc
from ecorse.schema.contract import header_key

MOST_CHARACTERS = 2000
DIALECT = "postgres"
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
OPENING = (TokenType.L_PAREN, TokenType.CASE)
CLOSING = (TokenType.R_PAREN, TokenType.END)
SIGNS = (
    TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.LTE, TokenType.GT, TokenType.GTE,
)  # fmt: skip


@dataclass(frozen=True)
class Name:
    """What a name stands for: a column of the frame; null where the file lacks it.

    ``zone`` is the clock on which the column has its times, where that is not the shop's.
    """

    column: str
    dtype: pl.DataType
    is_there: bool = True
    zone: str = ""


@dataclass(frozen=True)
class Count:
    """``count_of(key) <sign> other``: how often the key stands in the file, and what it should."""

    key: Value
    sign: str
    other: Value


@dataclass(frozen=True)
class Compiled:
    """An expression that can be run on a frame.

    ``shown`` are the parts that tell a person why a condition does not hold. ``previous`` are
    columns (name, what they hold for the row itself) that ``expr`` expects one row later; ``sums``
    are the expressions that it expects added up over each order (``whitelist.sum_column``). With
    ``count``, the condition is known when the file was read, and ``expr`` is null. ``lost`` is true
    where a part of ``expr`` could not be worked out (``operands.Value``).
    """

    text: str
    expr: pl.Expr
    kind: Kind
    shown: tuple[Value, ...] = ()
    previous: tuple[tuple[str, pl.Expr], ...] = ()
    count: Count | None = None
    lost: pl.Expr | None = None
    sums: tuple[str, ...] = ()


def compile(
    text: str,
    names: Mapping[str, Name],
    *,
    shop: Mapping[str, str] | None = None,
    is_condition: bool = False,
    of_other_rows: bool = False,
    may_count: bool = False,
) -> Compiled:
    """Compile an expression.

    Parameters
    ----------
    names
        What may be named; an exact name wins over one that differs in case, spaces and signs.
    shop
        ``currency`` and ``time_zone``, named as ``shop.currency``; left out, they are null.
    is_condition
        Whether it has to be true or false.
    of_other_rows
        Whether ``previous`` may be used.
    may_count
        Whether ``count_of`` may be used.

    Raises
    ------
    ExpressionError
        It is no expression, names what there is not, or compares what cannot be compared.
    """
    walk = Walk(lambda name: _named(name, names, shop or {}), of_other_rows)
    try:
        node = _parse(text)
        if type(node) in COMPARISONS and (count := _count(node, walk, text, may_count)):
            return Compiled(text, pl.lit(None, pl.Boolean), "boolean", count=count)
        value = walk.value(node)
        if is_condition:
            need(value, "boolean", of="a condition")
        previous = tuple(walk.previous)
        shown = _sides(node, walk, text) or tuple(walk.named.values())
    except ExpressionError as error:
        raise ExpressionError(f"expression {text[:200]!r}: {error}.") from None
    except RecursionError:
        raise ExpressionError(f"expression {text[:200]!r} is nested too deeply.") from None
    return Compiled(
        text, value.expr, value.kind, shown, previous, sums=tuple(walk.sums), lost=value.lost
    )


def summed(text: str) -> tuple[str, ...]:
    """What an expression adds up over an order (``sum_of``); nothing where it cannot be read."""
    try:
        calls = _parse(text).find_all(exp.Anonymous)
    except ExpressionError:
        return ()
    found = [c.expressions[0] for c in calls if called(c) == "sum_of" and c.expressions]
    return tuple(dict.fromkeys(inner.sql(dialect=DIALECT) for inner in found))


def _parse(text: str) -> exp.Expr:
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(f"it has {len(text)} characters; up to {MOST_CHARACTERS} are read")
    try:
        found = [node for node in sqlglot.parse(text, dialect=DIALECT) if node is not None]
    except SqlglotError as error:
        told = error.errors if isinstance(error, ParseError) else []
        why = str(told[0]["description"]) if told else str(error)
        raise ExpressionError(f"it is no SQL expression ({' '.join(why.split())[:200]})") from None
    if len(found) != 1:
        raise ExpressionError("expected one expression")
    return found[0]


def _named(name: str, names: Mapping[str, Name], shop: Mapping[str, str]) -> Value:
    """The column, or the fact about the shop, that a name stands for."""
    if name in ("shop.currency", "shop.time_zone"):
        told = shop.get(name.removeprefix("shop."))
        return Value(pl.lit(told, pl.String), "text", name, constant=told)
    found = names.get(name)
    if found is None:
        key = header_key(name)
        alike = {n.column: n for known, n in names.items() if header_key(known) == key}
        if len(alike) > 1:
            raise ExpressionError(f"{name!r} may be any of {', '.join(map(repr, alike))}")
        found = next(iter(alike.values()), None)
    if found is None:
        near = difflib.get_close_matches(name, names, n=3)
        perhaps = f" (perhaps {' or '.join(map(repr, near))})" if near else ""
        raise ExpressionError(
            f"there is no column {name!r}{perhaps}; there are {', '.join(map(repr, names))}"
        )
    expr = pl.col(found.column) if found.is_there else pl.lit(None, found.dtype)
    dtype = found.dtype
    if isinstance(dtype, pl.Datetime) and (dtype.time_zone or found.zone):
        if not dtype.time_zone:
            expr, dtype = _as_instant(expr, found.zone), pl.Datetime("us", "UTC")
        if shop.get("time_zone"):  # months and days are the shop's
            expr = expr.dt.convert_time_zone(shop["time_zone"])
    return of_column(expr, dtype, name)


def _as_instant(expr: pl.Expr, zone: str) -> pl.Expr:
    expr = expr.cast(pl.Datetime("us"))
    if zone == "UTC":
        return expr.dt.replace_time_zone("UTC")
    return expr.map_batches(
        lambda times: local_to_utc(times, zone), return_dtype=pl.Datetime("us", "UTC")
    )


def _count(node: exp.Expr, walk: Walk, text: str, may_count: bool) -> Count | None:
    """The parts of ``count_of(x) = y``, whichever side is which; None where it is not that."""
    sign = COMPARISONS[type(node)]
    sides = list(zip((node.this, node.expression), _beside_sign(text), strict=True))
    if called(sides[1][0]) == "count_of":
        sides.reverse()
        sign = MIRRORED.get(sign, sign)
    (counted, _), (other, told) = sides
    if called(counted) != "count_of":
        return None
    if not may_count:
        raise ExpressionError("count_of() is for rules of level warn alone")
    if len(counted.expressions) != 1:
        raise ExpressionError("count_of() takes one value, such as count_of(order_id)")
    key = walk.value(counted.expressions[0])
    value = need(walk.value(other), "number", of="what count_of() is compared with")
    if value.scale or walk.previous:
        raise ExpressionError("count_of() is compared with a whole number of the row itself")
    return Count(key, sign, replace(value, text=told))


def _sides(node: exp.Expr, walk: Walk, text: str) -> tuple[Value, ...]:
    """Both sides of a comparison as they were written, without what is a constant."""
    if type(node) not in COMPARISONS:
        return ()
    sides = zip((node.this, node.expression), _beside_sign(text), strict=True)
    again = Walk(walk.column, walk.of_other_rows)
    return tuple(
        replace(again.value(side), text=told)
        for side, told in sides
        if side.find(exp.Column) is not None
    )


def _beside_sign(text: str) -> tuple[str, str]:
    """The text before and behind the comparison that an expression is."""
    depth, place = 0, None
    for token in sqlglot.tokenize(text, read=DIALECT):
        depth += (token.token_type in OPENING) - (token.token_type in CLOSING)
        if depth == 0 and token.token_type in SIGNS:
            place = token
    assert place is not None
    return text[: place.start].strip(), text[place.end + 1 :].strip()
