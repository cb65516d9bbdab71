"""One column's text read as its type: what converts plainly, what is repaired, what is refused.

What belongs here: values, and the reasons of texts that are none. What does not: rules, and
whole rows (``cast``). Whole columns are converted at once; only values that fail are looked at
again, and only rejected rows get sentences.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from ecorse.clean import numbers, times
from ecorse.clock import local_to_utc
from ecorse.schema.contract import Column, is_instant, own_name, tells_instant

BOOLEANS = {
    "true": True, "t": True, "yes": True, "y": True, "1": True,
    "false": False, "f": False, "no": False, "n": False, "0": False,
}  # fmt: skip
EXPECTATIONS = {
    "integer": "a whole number",
    "boolean": "true or false, yes or no, 1 or 0",
    "decimal": numbers.EXPECTED,
    "percent": "a percentage with at most 4 digits behind the decimal sign",
}
# a spreadsheet that took an id for a number: 202410000077 becomes 2.0241E+11
SHORTENED = r"^\d([.,]\d+)?[eE]\+\d+$"


def name_of(column: Column) -> str:
    """The column of the typed frame that a column becomes."""
    return column.target or own_name(column.name)


def convert(text: pl.Expr, column: Column) -> pl.Expr:
    """The plain conversion, of times by the first format; what it cannot read is null."""
    if numbers.is_number(column):
        return numbers.convert(text, column)
    if times.is_time(column):
        return times.convert(text, column, column.formats[0])
    if column.type == "boolean":
        return text.str.to_lowercase().replace_strict(
            BOOLEANS, default=None, return_dtype=pl.Boolean
        )
    return text


@dataclass
class Read:
    """A column read: its values, the trimmed text, and what was found on the way."""

    values: pl.Series
    text: pl.Series
    repaired: Counter[str] = field(default_factory=Counter)
    reasons: list[pl.DataFrame] = field(default_factory=list)
    stated: pl.Series | None = None
    date_only: pl.Series | None = None


def read(values: pl.Series, text: pl.Series, column: Column) -> Read:
    """Look at what the plain conversion left, and at what it may have read wrongly.

    Only the few values that failed are looked at: whole columns cost as much as the cast itself.
    """
    found = Read(values, text)
    if column.type == "timestamp":
        first = not times.has_time(column.formats[0])
        found.date_only = pl.Series([first]).new_from_index(0, len(values)) if first else None
    if values.null_count() != text.null_count():  # casts only ever add nulls
        rows = (values.is_null() & text.is_not_null()).arg_true()
        odd = text.gather(rows).str.strip_chars().replace("", None)
        found.text = text.scatter(rows, odd)
        if numbers.is_number(column):
            _read_numbers(found, rows, odd, column)
        elif times.is_time(column):
            _read_times(found, rows, odd, column)
        else:
            plain = pl.select(convert(pl.lit(odd), column)).to_series()
            found.values = found.values.scatter(rows, plain)
        unread = found.values.is_null() & found.text.is_not_null()
        _say_unread(found, unread, column)
    if numbers.is_number(column):
        _look_twice(found, column)
    if column.is_date_only:
        midnight = times.is_midnight(found.values).fill_null(False)
        found.date_only = midnight if found.date_only is None else midnight | found.date_only
    return found


def _read_numbers(found: Read, rows: pl.Series, odd: pl.Series, column: Column) -> None:
    read = numbers.read(odd, column)
    found.values = found.values.scatter(rows, read.values)
    found.repaired += read.repaired
    if read.stated.null_count() < len(read.stated):
        none = pl.Series([None], dtype=pl.String).new_from_index(0, len(found.values))
        found.stated = none.scatter(rows, read.stated)


def _read_times(found: Read, rows: pl.Series, odd: pl.Series, column: Column) -> None:
    """Try white space and further formats on what is in none of the first."""
    values = pl.select(times.convert(pl.lit(odd), column, column.formats[0])).to_series()
    date_only = pl.Series([not times.has_time(column.formats[0])]).new_from_index(0, len(odd))
    for time_format, is_iso in times.further_formats(column):
        if values.null_count() == odd.null_count():
            break
        read = times.convert(pl.lit(odd), column, time_format)
        tried = pl.select(pl.when(pl.lit(values).is_null()).then(read)).to_series()
        if is_instant(column) and not tells_instant(time_format) and not is_iso:
            tried = local_to_utc(tried, column.zone).dt.replace_time_zone(None)
        if is_iso:
            found.repaired["iso"] += len(tried) - tried.null_count()
        date_only = date_only.scatter(
            tried.is_not_null().arg_true(), not times.has_time(time_format)
        )
        values = pl.select(pl.coalesce(pl.lit(values), pl.lit(tried))).to_series()
    found.values = found.values.scatter(rows, values)
    if column.type == "timestamp" and (found.date_only is not None or date_only.any()):
        whole = found.date_only
        if whole is None:
            whole = pl.Series([False]).new_from_index(0, len(found.values))
        found.date_only = whole.scatter(rows, date_only)


def _look_twice(found: Read, column: Column) -> None:
    """Refuse numbers that could be other ones."""
    places = numbers.doubtful(found.values, found.text, column)
    if len(places):
        doubted = _mask(places, len(found.values))
        _say_unread(found, doubted, column)
        found.values = pl.select(pl.when(~pl.lit(doubted)).then(pl.lit(found.values))).to_series()


def _say_unread(found: Read, unread: pl.Series, column: Column) -> None:
    """Reasons of texts that are no value of the column's type, with what may be declared."""
    if not unread.any():
        return
    if not numbers.is_number(column):
        found.reasons += reasons_of(
            unread, found.text, column, f"{name_of(column)}_invalid", expected(column)
        )
        return
    texts = found.text.filter(unread).unique()
    hints = {text: numbers.hint(text, column) for text in texts.to_list()}
    for hint in dict.fromkeys(hints.values()):
        told = found.text.is_in([text for text, h in hints.items() if h == hint]) & unread
        sentence = f"{expected(column)}; {hint}" if hint else expected(column)
        is_two = hint.startswith("it can be read")
        rule = f"{name_of(column)}_two_readings" if is_two else f"{name_of(column)}_invalid"
        found.reasons += reasons_of(told, found.text, column, rule, hint if is_two else sentence)


def shortened(text: pl.Series, column: Column) -> list[pl.DataFrame]:
    """Reasons of ids that a spreadsheet has taken for numbers."""
    damaged = text.str.contains(SHORTENED).fill_null(False)
    sentence = "a spreadsheet has shortened this id; export it as text"
    return reasons_of(damaged, text, column, f"{column.target}_shortened", sentence)


def _mask(places: pl.Series, length: int) -> pl.Series:
    return pl.Series([False]).new_from_index(0, length).scatter(places, True)


def expected(column: Column) -> str:
    if column.type in ("timestamp", "date"):
        what = "date and time" if column.type == "timestamp" else "date"
        return f"expected an existing {what} as {' or '.join(column.formats)}"
    return f"expected {EXPECTATIONS[column.type]}"


def reasons_of(
    failed: pl.Series, text: pl.Series, column: Column, rule: str, sentence: str
) -> list[pl.DataFrame]:
    rows = failed.arg_true()
    if not len(rows):
        return []
    value = text.gather(rows).str.slice(0, 200)
    return [
        pl.select(
            pl.lit(rows).cast(pl.UInt32).alias("_row"),
            pl.lit(rule).alias("rule"),
            pl.lit(column.name).alias("column"),
            pl.when(pl.lit(value).is_null())
            .then(pl.lit(f"{column.name} is empty: {sentence}."))
            .otherwise(pl.lit(f"{column.name} is '") + pl.lit(value) + pl.lit(f"': {sentence}."))
            .alias("sentence"),
        )
    ]


def no_reasons() -> pl.DataFrame:
    """No reason at all: an empty frame of ``_row, rule, column, sentence``."""
    text = ("rule", "column", "sentence")
    return pl.DataFrame(schema={"_row": pl.UInt32} | dict.fromkeys(text, pl.String))
