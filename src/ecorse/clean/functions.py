"""The functions of expressions: what each takes, gives and does to null.

What belongs here: one function each. What does not: operators (``operands``), how an expression is
read (``expressions``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl

from ecorse.clean.operands import (
    ExpressionError,
    Kind,
    Value,
    alike,
    need,
    number,
    on_the_clock,
)

CAST_SCALE = 6  # places behind the point of a text that is cast to decimal
TIMES: tuple[Kind, ...] = ("date", "timestamp", "instant")


def _part(name: str, get: Callable[[pl.Expr], pl.Expr], digits: int) -> Callable[..., Value]:
    def part(text: str, of: Value) -> Value:
        kinds: tuple[Kind, ...] = ("timestamp", "instant") if name == "hour" else TIMES
        need(of, *kinds, of=f"{name}()")
        if of.kind == "nothing":
            return of
        return number(get(of.expr), text, digits)

    return part


def _on_text(name: str, change: Callable[[pl.Expr], pl.Expr]) -> Callable[..., Value]:
    def changed(text: str, of: Value) -> Value:
        need(of, "text", of=f"{name}()")
        return replace(of, expr=change(of.expr), text=text, constant=None)

    return changed


def _end(name: str, cut: Callable[[pl.Expr, int], pl.Expr]) -> Callable[..., Value]:
    def end(text: str, of: Value, length: Value) -> Value:
        need(of, "text", of=f"{name}()")
        return Value(cut(of.expr, _count(length, name)), "text", text)

    return end


def _count(value: Value, name: str) -> int:
    if not isinstance(value.constant, int):
        raise ExpressionError(f"{name}() needs a whole number such as 3, not {value.text}")
    return value.constant


def _length(text: str, of: Value) -> Value:
    return number(need(of, "text", of="length()").expr.str.len_chars(), text, 10)


def _abs(text: str, of: Value) -> Value:
    need(of, "number", of="abs()")
    return replace(of, expr=of.expr.abs(), text=text, constant=None)


def _round(text: str, of: Value, places: Value | None = None) -> Value:
    """Round half away from zero, as Postgres rounds numeric."""
    need(of, "number", of="round()")
    behind = 0 if places is None else _count(places, "round")
    if of.kind == "nothing" or behind >= of.scale:
        return of
    rounded = of.expr.round(behind, mode="half_away_from_zero")
    return number(rounded, text, of.digits + 1, behind)


def _coalesce(text: str, *values: Value) -> Value:
    same = alike(values, "coalesce()")
    first = next((v for v in same if v.kind != "nothing"), same[0])
    return replace(first, expr=pl.coalesce(*(v.expr for v in same)), text=text, constant=None)


def _nullif(text: str, value: Value, unwanted: Value) -> Value:
    a, b = alike((value, unwanted), "nullif()")
    return replace(a, expr=pl.when(a.expr.ne_missing(b.expr)).then(a.expr), text=text,
                   constant=None)  # fmt: skip


def _replace(text: str, value: Value, old: Value, new: Value) -> Value:
    need(value, "text", of="replace()")
    if not isinstance(old.constant, str) or not isinstance(new.constant, str) or not old.constant:
        raise ExpressionError(f"{text}: what is replaced, and by what, are texts in quotes")
    made = value.expr.str.replace_all(old.constant, new.constant, literal=True)
    return Value(made, "text", text)


def _regexp_like(text: str, value: Value, pattern: Value) -> Value:
    need(value, "text", of="regexp_like()")
    if not isinstance(pattern.constant, str):
        raise ExpressionError(f"{text}: the pattern is a text in quotes")
    try:  # the engine of Rust: no look-around, and time grows with the length of the text alone
        pl.Series([""]).str.contains(pattern.constant)
    except pl.exceptions.ComputeError as error:
        why = " ".join(str(error).split())[-200:]
        raise ExpressionError(f"{pattern.text} is no regular expression ({why})") from None
    return Value(value.expr.str.contains(pattern.constant), "boolean", text)


def _concat(text: str, *values: Value) -> Value:
    """All texts as one; null counts as an empty one."""
    made = [as_text(v, "concat()") for v in values]
    return Value(pl.concat_str(made, ignore_nulls=True), "text", text)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "year": _part("year", lambda e: e.dt.year(), 4),
    "month": _part("month", lambda e: e.dt.month(), 2),
    "day": _part("day", lambda e: e.dt.day(), 2),
    "hour": _part("hour", lambda e: e.dt.hour(), 2),
    "weekday": _part("weekday", lambda e: e.dt.weekday(), 1),
    "lower": _on_text("lower", lambda e: e.str.to_lowercase()),
    "upper": _on_text("upper", lambda e: e.str.to_uppercase()),
    "trim": _on_text("trim", lambda e: e.str.strip_chars()),
    "left": _end("left", lambda e, n: e.str.head(n)),
    "right": _end("right", lambda e, n: e.str.tail(n)),
    "length": _length,
    "abs": _abs,
    "round": _round,
    "coalesce": _coalesce,
    "nullif": _nullif,
    "replace": _replace,
    "regexp_like": _regexp_like,
    "concat": _concat,
}
ARGUMENTS = {
    "left": (2, 2), "right": (2, 2), "round": (1, 2), "coalesce": (1, 20), "nullif": (2, 2),
    "replace": (3, 3), "regexp_like": (2, 2), "concat": (1, 20),
}  # fmt: skip


def call(name: str, text: str, arguments: Sequence[Value]) -> Value:
    """Call a function.

    Raises
    ------
    ExpressionError
        It takes more, fewer or other values.
    """
    least, most = ARGUMENTS.get(name, (1, 1))
    if not least <= len(arguments) <= most:
        takes = f"{least}" if least == most else f"{least} to {most}"
        raise ExpressionError(f"{text}: {name}() takes {takes} values, not {len(arguments)}")
    return FUNCTIONS[name](text, *arguments)


def as_text(value: Value, of: str) -> pl.Expr:
    """A value as the text that stands for it: decimals without needless zeros."""
    value = need(on_the_clock(value), "text", "number", "date", "timestamp", of=of)
    if value.kind in ("text", "nothing"):
        return value.expr.cast(pl.String)
    written = value.expr.cast(pl.String)
    if value.kind == "number" and value.scale:
        return written.str.replace(r"\.?0+$", "")
    return written


def convert(value: Value, to: str, text: str) -> Value:
    """``cast``: what cannot be read is null.

    Parameters
    ----------
    to
        integer, decimal, text, date or timestamp.
    """
    if value.kind == "nothing":
        return value
    if to == "text":
        return Value(as_text(value, "cast()"), "text", text)
    if to in ("integer", "decimal"):
        need(value, "text", "number", of="cast()")
        if value.kind == "number":
            return _round(text, value) if to == "integer" else replace(value, text=text)
        shape = r"^[+-]?\d{1,18}$" if to == "integer" else r"^[+-]?\d{1,18}(\.\d{1,6}0*)?$"
        digits = pl.when(value.expr.str.contains(shape)).then(value.expr)
        if to == "integer":
            return number(digits.cast(pl.Int64, strict=False), text, 18)
        exact = digits.cast(pl.Decimal(38, CAST_SCALE), strict=False)
        return number(exact, text, 18, CAST_SCALE)
    value = need(on_the_clock(value), "text", "date", "timestamp", of="cast()")
    if value.kind == "text":
        form = "%Y-%m-%d" if to == "date" else "%Y-%m-%d %H:%M:%S"
        read = value.expr.str.strptime(
            pl.Date if to == "date" else pl.Datetime("us"), form, strict=False
        )
        return Value(read, "date" if to == "date" else "timestamp", text)
    if to == "date":
        return Value(value.expr.cast(pl.Date), "date", text)
    return Value(value.expr.cast(pl.Datetime("us")), "timestamp", text)


def like(value: Value, pattern: Value, text: str, ignore_case: bool) -> pl.Expr:
    """``like`` and ``ilike``: % stands for any text, _ for one character.

    Raises
    ------
    ExpressionError
        The pattern is no text in quotes.
    """
    need(value, "text", of="like")
    if not isinstance(pattern.constant, str):
        raise ExpressionError(f"{text}: the pattern is a text in quotes")
    parts = [".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern.constant]
    return value.expr.str.contains(f"{'(?is)' if ignore_case else '(?s)'}^{''.join(parts)}$")
