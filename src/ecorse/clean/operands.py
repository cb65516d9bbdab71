"""Parts of an expression: their kinds, exact arithmetic, comparison as SQL has it.

What belongs here: what two parts of known kinds give together. What does not: the text of an
expression and which functions there are (``expressions``, ``functions``).

Every number is a decimal of 38 digits whose scale is known before a row is read, so that sums and
products are exact to the last place. What would not fit 38 digits is null, as is a division by
nothing: Polars would end the whole block with an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

import polars as pl

from ecorse.errors import ConfigError

Kind = Literal["text", "number", "boolean", "date", "timestamp", "instant", "nothing"]
PRECISION = 38
MOST_SCALE = 16
DIVISION_SCALE = 10  # places behind the point of a quotient
WORDS: dict[Kind, str] = {
    "text": "a text",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date",
    "timestamp": "a date and time",
    "instant": "an instant",
    "nothing": "null",
}


class ExpressionError(ConfigError):
    """An expression says what cannot be said or makes no sense; the message has its text."""


@dataclass(frozen=True)
class Value:
    """A part of an expression.

    ``digits`` before and ``scale`` places behind the decimal point bound a number; ``constant`` is
    what a literal says (a text, or a whole number); ``text`` is what a person wrote. ``lost`` is
    true where a part could not be worked out though all that it is made of is there: divided by
    nothing, too many digits, a text that is no number.
    """

    expr: pl.Expr
    kind: Kind
    text: str
    digits: int = 0
    scale: int = 0
    constant: str | int | None = None
    lost: pl.Expr | None = None

    def at_scale(self, scale: int) -> pl.Expr:
        """The number with more places behind the point; null where that does not fit."""
        if scale == self.scale:
            return self.expr
        return self.expr.cast(pl.Decimal(PRECISION, scale), strict=False)


def number(expr: pl.Expr, text: str, digits: int, scale: int = 0) -> Value:
    """A number of at most so many digits before and behind the point."""
    exact = expr.cast(pl.Decimal(PRECISION, scale), strict=False)
    return Value(exact, "number", text, min(digits, PRECISION - scale), scale)


def literal_number(text: str) -> Value:
    """A number that stands in the expression.

    Raises
    ------
    ExpressionError
        It is written with an exponent, or with more digits than can be held.
    """
    before, _, behind = text.partition(".")
    if not (before + behind).isdigit() or len(behind) > MOST_SCALE or len(before) > 20:
        raise ExpressionError(
            f"{text} is no number that can be used: expected up to 20 digits and {MOST_SCALE} "
            "behind the point"
        )
    made = number(pl.lit(Decimal(text)), text, len(before), len(behind))
    return made if behind else replace(made, constant=int(before))


def of_column(expr: pl.Expr, dtype: pl.DataType, text: str) -> Value:
    """A column's values.

    Raises
    ------
    ExpressionError
        An expression cannot use values of the type.
    """
    if isinstance(dtype, pl.Decimal):
        return number(expr, text, (dtype.precision or PRECISION) - dtype.scale, dtype.scale)
    if dtype.is_integer():
        return number(expr, text, 19)
    if isinstance(dtype, pl.Datetime):
        return Value(expr, "instant" if dtype.time_zone else "timestamp", text)
    kinds: dict[type[pl.DataType], Kind] = {
        pl.String: "text", pl.Boolean: "boolean", pl.Date: "date", pl.Null: "nothing"
    }  # fmt: skip
    if type(dtype) not in kinds:
        raise ExpressionError(f"{text} is of the type {dtype}, which no expression can use")
    return Value(expr, kinds[type(dtype)], text)


def need(value: Value, *kinds: Kind, of: str) -> Value:
    """The value, if it is of one of the kinds; null always is.

    Raises
    ------
    ExpressionError
        It is of another.
    """
    if value.kind in kinds or value.kind == "nothing":
        return value
    hint = ""
    if value.kind == "text" and "number" in kinds:
        hint = (
            '; declare its column with type = "integer" or "decimal", or say '
            f"cast({value.text} as integer)"
        )
    raise ExpressionError(
        f"{of} needs {' or '.join(WORDS[k] for k in kinds)}, and {value.text} is "
        f"{WORDS[value.kind]}{hint}"
    )


def add(left: Value, right: Value, text: str) -> Value:
    """The sum, exactly."""
    a, b, digits, scale = _same_scale(left, right)
    return number(a + b, text, digits, scale)


def subtract(left: Value, right: Value, text: str) -> Value:
    """The difference, exactly."""
    a, b, digits, scale = _same_scale(left, right)
    return number(a - b, text, digits, scale)


def _same_scale(left: Value, right: Value) -> tuple[pl.Expr, pl.Expr, int, int]:
    """Two numbers that can be added without leaving 38 digits; digits and scale of the sum."""
    scale = max(left.scale, right.scale)
    digits = max(left.digits, right.digits) + 1
    a, b = left.at_scale(scale), right.at_scale(scale)
    if digits + scale > PRECISION:
        a = _where_it_fits(a, a.cast(pl.Float64).abs() + b.cast(pl.Float64).abs(), scale)
    return a, b, digits, scale


def multiply(left: Value, right: Value, text: str) -> Value:
    """The product, exactly.

    Raises
    ------
    ExpressionError
        It would have more places behind the point than are kept.
    """
    scale = left.scale + right.scale
    if scale > MOST_SCALE:
        raise ExpressionError(
            f"{text} has {scale} places behind the decimal point, and {MOST_SCALE} are kept: "
            "round(...) a part of it"
        )
    digits = left.digits + right.digits
    a, b = left.at_scale(scale), right.at_scale(scale)
    if digits + scale > PRECISION:
        a = _where_it_fits(a, a.cast(pl.Float64) * b.cast(pl.Float64), scale)
    return number(a * b, text, digits, scale)


def divide(left: Value, right: Value, text: str) -> Value:
    """The quotient with at least ten places behind the point; of nothing, null."""
    scale = max(left.scale, right.scale, DIVISION_SCALE)
    a, b = left.at_scale(scale), right.at_scale(scale)
    b = pl.when(b != 0).then(b)
    digits = left.digits + right.scale
    if digits + scale > PRECISION:
        a = _where_it_fits(a, a.cast(pl.Float64) / b.cast(pl.Float64), scale)
    return number(a / b, text, digits, scale)


def remainder(left: Value, right: Value, text: str) -> Value:
    """What is left of a division of whole numbers, with the sign of what is divided.

    Raises
    ------
    ExpressionError
        One of them is no whole number.
    """
    for value in (left, right):
        if value.scale:
            raise ExpressionError(f"% needs whole numbers, and {value.text} is a decimal")
    a, b = (v.expr.cast(pl.Int64, strict=False) for v in (left, right))
    left_over = (a.abs() % pl.when(b != 0).then(b.abs())) * a.sign()
    return number(left_over, text, 19)


def losing(made: Value, parts: Sequence[Value]) -> Value:
    """The value with ``lost``: where it is null though no part is, or a part was lost."""
    is_there = pl.all_horizontal(*(part.expr.is_not_null() for part in parts))
    return replace(made, lost=any_lost([made.expr.is_null() & is_there, *(p.lost for p in parts)]))


def any_lost(lost: Sequence[pl.Expr | None]) -> pl.Expr | None:
    """Where any of several is lost."""
    marks = [mark for mark in lost if mark is not None]
    return pl.any_horizontal(*marks) if marks else None


def _where_it_fits(expr: pl.Expr, size: pl.Expr, scale: int) -> pl.Expr:
    return pl.when(size.abs() < 10.0 ** (PRECISION - 1 - scale)).then(expr)


def alike(values: Sequence[Value], of: str) -> list[Value]:
    """The values in one kind (and numbers in one scale), so that they can be compared or chosen.

    Raises
    ------
    ExpressionError
        They are of kinds that do not go together.
    """
    kinds = {v.kind for v in values} - {"nothing"}
    if "instant" in kinds and kinds & {"date", "timestamp", "text"}:
        values = [on_the_clock(v) for v in values]
        kinds = {v.kind for v in values} - {"nothing"}
    if kinds & {"date", "timestamp", "instant"} and "text" in kinds:
        values = [_as_time(v, of) if v.kind == "text" else v for v in values]
        kinds = {v.kind for v in values} - {"nothing"}
    if kinds == {"date", "timestamp"}:
        values = [replace(v, expr=v.expr.cast(pl.Datetime("us")), kind="timestamp") for v in values]
        kinds = {"timestamp"}
    if len(kinds) > 1:
        first, other = _two_kinds(values)
        need(first, other.kind, of=of) if first.kind == "text" else need(other, first.kind, of=of)
    if kinds == {"number"}:
        scale = max(v.scale for v in values)
        digits = max(v.digits for v in values)
        return [
            v if v.kind == "nothing" else number(v.at_scale(scale), v.text, digits, scale)
            for v in values
        ]
    return list(values)


def _two_kinds(values: Sequence[Value]) -> tuple[Value, Value]:
    first = next(v for v in values if v.kind != "nothing")
    return first, next(v for v in values if v.kind not in ("nothing", first.kind))


def on_the_clock(value: Value) -> Value:
    """An instant as the time that the shop's clock shows then; anything else as it is."""
    if value.kind != "instant":
        return value
    return replace(value, expr=value.expr.dt.replace_time_zone(None), kind="timestamp")


def _as_time(value: Value, of: str) -> Value:
    """A literal such as '2024-05-31' as the time that it is compared with."""
    read: datetime | None = None
    if isinstance(value.constant, str):
        try:
            read = datetime.fromisoformat(value.constant)
        except ValueError:
            read = None
    if read is None or read.tzinfo is not None:
        raise ExpressionError(
            f"{of} cannot compare {value.text} with a time: expected a date such as '2024-05-31', "
            "or a column whose type is date or timestamp"
        )
    return replace(value, expr=pl.lit(read, pl.Datetime("us")), kind="timestamp", constant=None)
