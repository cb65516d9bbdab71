"""What every format that is no text needs to write CSV text.

What belongs here: delimiter and quote, and typed columns as text. What does not: any one format.
Text is written so that the casts of ``ecorse.clean.cast`` read the same value back.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Dialect:
    """How the CSV text is written: as the contract says that it will be read."""

    delimiter: str = ","
    quote: str = '"'


def header_line(names: list[str], dialect: Dialect) -> bytes:
    """The names as one CSV line; a line break inside a name becomes a space."""
    row = {str(i): [" ".join(name.split())] for i, name in enumerate(names)}
    return to_csv(pl.DataFrame(row), dialect)


def to_csv(frame: pl.DataFrame, dialect: Dialect) -> bytes:
    """Rows as CSV text without a header, quoted where RFC 4180 asks for it.

    Numbers have no exponent, and whole floats no ``.0``; an empty value is null.
    """
    text: str = frame.with_columns(pl.col(pl.String).replace("", None)).write_csv(
        include_header=False,
        separator=dialect.delimiter,
        quote_char=dialect.quote,
        float_scientific=False,
    )
    return text.encode("utf-8")


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
