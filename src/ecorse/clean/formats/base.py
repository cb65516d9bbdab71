"""What every format that is no text needs to write CSV text.

What belongs here: what a contract expects of a table, and typed columns as text. What does not:
any one format. Text is written so that the casts of ``ecorse.clean`` read the same value back: with
the decimal sign that is declared for the column, and never with two readings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from ecorse.schema.contract import Column

THREE_DECIMALS = r"^([+-]?\d+\.\d{3})$"  # 1.234 could be thousands as well, and 1.2340 could not


def _any_header(names: Sequence[str]) -> bool:
    return True


def _no_column(name: str) -> Column | None:
    return None


@dataclass(frozen=True)
class Wanted:
    """What is expected of a table: which row is a header, and the column of a name.

    By default any row is, and nothing is known of a column.
    """

    is_header: Callable[[Sequence[str]], bool] = _any_header
    column_of: Callable[[str], Column | None] = _no_column

    def sign_of(self, name: str) -> str | None:
        """The decimal sign of a column of numbers; nothing where it holds none."""
        column = self.column_of(name)
        if column is None or column.type not in ("integer", "decimal", "percent"):
            return None
        return column.decimal


ANYTHING = Wanted()


def header_line(names: Sequence[str]) -> bytes:
    """The names as one CSV line; a line break inside a name becomes a space."""
    row = {str(i): [" ".join(name.split())] for i, name in enumerate(names)}
    return to_csv(pl.DataFrame(row))


def to_csv(frame: pl.DataFrame) -> bytes:
    """Rows as CSV text without a header, quoted where RFC 4180 asks for it.

    Numbers have no exponent, and whole floats no ``.0``; an empty value is null.
    """
    text: str = frame.with_columns(pl.col(pl.String).replace("", None)).write_csv(
        include_header=False, float_scientific=False
    )
    return text.encode("utf-8")


def number_text(text: str, sign: str | None) -> str:
    """A number, written with a point, as a column with a decimal sign reads it."""
    if sign is None:
        return text
    whole, point, decimals = text.partition(".")
    if len(decimals) == 3:
        decimals += "0"
    return f"{whole}{sign or '.'}{decimals}" if point else text


def number_texts(numbers: pl.Series, sign: str) -> pl.Series:
    """Numbers as ``number_text`` writes them."""
    written = to_csv(numbers.to_frame()).decode().split("\n")[:-1]
    texts = pl.Series(numbers.name, written, dtype=pl.String)
    texts = texts.str.replace(THREE_DECIMALS, "${1}0")
    return texts.str.replace(".", sign, literal=True) if sign == "," else texts


def time_text(column: str, zone: str | None = None) -> pl.Expr:
    """Times as ``2020-01-31 13:00:00``, with a fraction only where there is one.

    An instant (a time with a zone) is written in UTC and ends in `` UTC``: a contract that expects
    times on the shop's wall clock refuses it, instead of taking it for one.
    """
    times = pl.col(column)
    if zone is not None:
        times = times.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    text = times.dt.to_string("%Y-%m-%d %H:%M:%S%.6f").str.strip_suffix(".000000")
    return (pl.concat_str(text, pl.lit(" UTC")) if zone is not None else text).alias(column)
