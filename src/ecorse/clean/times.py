"""Dates and times as text: formats, instants and wall clocks, dates without a time.

What belongs here: from text to a time by a column's declaration. What does not: which instant a
wall clock's time is (``clock.local_to_utc``).
"""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from ecorse.clock import EPOCHS
from ecorse.schema.contract import Column, is_instant

LAST_SECOND = 253_402_300_799  # of the year 9999: what is later is a mistaken unit or column
# Tried where no declared format fits: ISO 8601 leaves nothing to guess, and the date cells of a
# spreadsheet or Parquet file are written so, whatever format the source declares for its text.
ISO_TIMES = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d")
ISO_INSTANTS = (
    "%Y-%m-%d %H:%M:%S%.f UTC", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%dT%H:%M:%S%.f%z",
)  # fmt: skip
ISO_DATES = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S")


def is_time(column: Column) -> bool:
    """Whether a column holds dates or times."""
    return column.type in ("date", "timestamp")


def convert(text: pl.Expr, column: Column, time_format: str) -> pl.Expr:
    """Times in one format, an instant in UTC and everything else as it is written; else null.

    Years are 1 to 9999: text may say others, which neither Python nor ISO 8601 knows.
    """
    if column.type == "date":
        day = text.str.to_date(time_format, strict=False)
        return pl.when(day.is_between(date.min, date.max)).then(day)
    if per_unit := EPOCHS.get(time_format):
        return _since_1970(text, per_unit)
    if "%z" in time_format:
        time = text.str.to_datetime(
            time_format, time_unit="us", time_zone="UTC", strict=False
        ).dt.replace_time_zone(None)
    elif not has_time(time_format):
        time = text.str.to_date(time_format, strict=False).cast(pl.Datetime("us"))
    else:
        time = text.str.to_datetime(time_format, time_unit="us", strict=False)
    return pl.when(time.is_between(datetime.min, datetime.max)).then(time)


def has_time(time_format: str) -> bool:
    """Whether a format tells more than the day."""
    return time_format in EPOCHS or any(part in time_format for part in ("%H", "%I", "%T", "%R"))


def further_formats(column: Column) -> tuple[tuple[str, bool], ...]:
    """The formats that are tried behind the first, and whether each is ISO and not declared."""
    iso: tuple[str, ...] = ISO_DATES
    if column.type == "timestamp":
        iso = ISO_INSTANTS if is_instant(column) else ISO_TIMES
    declared = [(f, False) for f in column.formats[1:]]
    return (*declared, *((f, True) for f in iso if f not in column.formats))


def is_midnight(values: pl.Series) -> pl.Series:
    """Whether each time is the first moment of its day."""
    return values == values.dt.truncate("1d")


def _since_1970(text: pl.Expr, per_unit: int) -> pl.Expr:
    """Counts since 1970, whole or with a fraction, in microseconds."""
    last = LAST_SECOND * 1_000_000 // per_unit
    whole = text.cast(pl.Int64, strict=False)
    in_range = pl.when(whole.is_between(0, last)).then(whole) * per_unit
    exact = text.str.contains(r"^\d+\.\d+$")
    fraction = pl.when(exact).then(text).cast(pl.Decimal(38, 9), strict=False)
    micros = (fraction * per_unit).round(0).cast(pl.Int64)
    micros = pl.when(micros.is_between(0, LAST_SECOND * 1_000_000)).then(micros)
    return pl.coalesce(in_range, micros).cast(pl.Datetime("us"))
