"""Turns framed text columns into typed canonical ones by the contract, or says why not.

What belongs here: conversions, repairs the contract allows, rules, reasons, local time to UTC.
What does not: what one source alone knows (``ecorse.sources``). Whole columns are cast at once;
only values that fail are looked at again, and only rejected rows get sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import polars as pl

from ecorse.clean.contract import Column, Contract, Header, Rule

PRECISION, SCALE = 14, 4  # numeric(14, 4) of staging
EXPECTATIONS = {
    "integer": "a whole number",
    "decimal": f"a number with at most {PRECISION - SCALE} digits before and {SCALE} behind the "
    "decimal point",
}
# repair → (what it applies to, what is cut away); the order of a contract's list is the order tried
NORMALISATIONS: dict[str, tuple[str, str]] = {
    "trim": (r"^", r"^\s+|\s+$"),
    "currency_sign": (r"^-?[$€£]\s?\d+(\.\d+)?$", r"[$€£]\s?"),
    "thousands": (r"^[+-]?[$€£]?\d{1,3}(,\d{3})+(\.\d+)?$", r"[$€£,]"),
    "integral_decimal": (r"^[+-]?\d+\.0+$", r"\.0+$"),
}


@dataclass
class Cast:
    """Typed rows, and the reasons of those that were refused.

    ``frame`` has the canonical columns (and known columns without a target, as text), ``extra``
    columns under their own names, and ``_row``, the row's index in the block. ``reasons`` has
    ``_row, rule, column, sentence``, one row per reason, in the order of the contract.
    """

    frame: pl.DataFrame
    reasons: pl.DataFrame
    repaired: Counter[str] = field(default_factory=Counter)


def text_column(position: int) -> str:
    """Name of the file's column ``position`` in a parsed block."""
    return f"_text_{position}"


def parse(data: bytes, header: Header, delimiter: str, quote: str) -> pl.DataFrame:
    """Parse well-formed records into text columns; nothing is inferred, ``NA`` stays ``NA``.

    An empty value is null. Text is trimmed; numbers and times, which hardly ever need it, are
    trimmed when they cannot be read as they are. One row per record, columns ``_text_0 …``.
    """
    names = [text_column(i) for i in range(len(header.names))]
    if not data:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    frame = pl.read_csv(
        data,
        has_header=False,
        separator=delimiter,
        quote_char=quote,
        schema=dict.fromkeys(names, pl.String),
        infer_schema=False,
        low_memory=True,
    )
    texts = [
        pl.col(name).str.strip_chars().replace("", None)
        for name, column in zip(names, header.columns, strict=True)
        if column is None or column.type == "text"
    ]
    return frame.with_columns(texts)


def cast(raw: pl.DataFrame, header: Header, contract: Contract) -> Cast:
    """Cast a block's text columns by the contract and apply its rules.

    Parameters
    ----------
    raw
        Text columns as ``parse`` gives them, one row per record.

    Returns
    -------
    Cast
        The rows that meet every rule, and every reason of the others.
    """
    declared = [(i, c) for i, c in enumerate(header.columns) if c is not None]
    typed = raw.lazy().select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("_row"),
        *(_convert(pl.col(text_column(i)), c).alias(_name(c)) for i, c in declared),
        *(pl.col(text_column(header.names.index(name))).alias(name) for name in header.extra),
    )
    frame = typed.collect()
    repaired: Counter[str] = Counter()
    reasons: list[pl.DataFrame] = []
    for i, column in declared:
        text = raw[text_column(i)]
        if column.type != "text":
            frame, text, failed = _repair(frame, text, column, repaired)
            reasons += _reasons(failed, text, column, f"{column.target}_invalid", _expected(column))
        for rule in contract.rules:
            if rule.column == column.target:
                failed = _broken(frame, text, rule)
                reasons += _reasons(failed, text, column, rule.id, rule.sentence)
    if not reasons:
        return Cast(frame, _no_reasons(), repaired)
    why = pl.concat(reasons)
    return Cast(frame.join(why, on="_row", how="anti", maintain_order="left"), why, repaired)


def _name(column: Column) -> str:
    return column.target or column.name


def _convert(text: pl.Expr, column: Column) -> pl.Expr:
    """The plain conversion; what it cannot read is null."""
    if column.type == "integer":
        return text.cast(pl.Int64, strict=False)
    if column.type == "decimal":
        # the cast alone would take exponents and round a fifth decimal away
        exact = ~text.str.contains(r"[eE]|\.\d{4}\d*[1-9]")
        return pl.when(exact).then(text).cast(pl.Decimal(PRECISION, SCALE), strict=False)
    if column.type == "timestamp":
        return pl.coalesce(
            text.str.to_datetime(f, time_unit="us", strict=False) for f in column.formats
        )
    return text


def _repair(
    frame: pl.DataFrame, text: pl.Series, column: Column, repaired: Counter[str]
) -> tuple[pl.DataFrame, pl.Series, pl.Series]:
    """Try white space and the contract's repairs on values that did not convert.

    Gives the frame, the trimmed text, and which values still did not convert.
    """
    name = _name(column)
    failed = frame[name].is_null() & text.is_not_null()
    if not failed.any():
        return frame, text, failed
    text = text.str.strip_chars().replace("", None)
    for repair in ("trim", *column.normalise):
        applies, cut = NORMALISATIONS[repair]
        rows = (failed & text.str.contains(applies)).arg_true()
        if not len(rows):
            continue
        values = pl.select(
            _convert(pl.lit(text.gather(rows).str.replace_all(cut, "")), column)
        ).to_series()
        if repair != "trim":
            repaired[f"{column.target}_{repair}"] += len(values) - values.null_count()
        frame = frame.with_columns(frame[name].scatter(rows, values))
        failed = frame[name].is_null() & text.is_not_null()
    return frame, text, failed & text.is_not_null()


def _broken(frame: pl.DataFrame, text: pl.Series, rule: Rule) -> pl.Series:
    """Which rows break a rule; a value that could not be read has its own reason already."""
    if rule.check == "not_empty":
        return text.is_null()
    values = frame[rule.column]
    bound = Decimal(rule.bound) if values.dtype.is_decimal() else int(rule.bound)
    breaks: dict[str, Callable[[], pl.Series]] = {
        "greater": lambda: values <= bound,
        "at_least": lambda: values < bound,
        "at_most": lambda: values > bound,
    }
    return breaks[rule.check]().fill_null(False)


def _expected(column: Column) -> str:
    if column.type == "timestamp":
        return f"expected an existing date and time as {' or '.join(column.formats)}"
    return f"expected {EXPECTATIONS[column.type]}"


def _reasons(
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


def _no_reasons() -> pl.DataFrame:
    text = ("rule", "column", "sentence")
    return pl.DataFrame(schema={"_row": pl.UInt32} | dict.fromkeys(text, pl.String))


def local_to_utc(local: pl.Series, time_zone: str) -> pl.Series:
    """The UTC instants of a shop's wall-clock times; no row is lost to daylight saving.

    A time that happens twice (clocks go back) is its first occurrence. A time that never happens
    (clocks go forward) is moved forward by the gap, by reading it with the offset in force
    before: 02:30 in a gap from 02:00 to 03:00 is the instant of 03:30. Both are the ``fold=0``
    of Source: https://peps.python.org/pep-0495/
    """

    def instants(wall: pl.Series) -> pl.Series:
        zoned = wall.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
        return zoned.dt.convert_time_zone("UTC")

    utc = instants(local)
    for before in (timedelta(hours=3), timedelta(hours=25)):  # the second: Samoa skipped a day
        if utc.null_count() == local.null_count():
            break
        rows = (utc.is_null() & local.is_not_null()).arg_true()
        utc = utc.scatter(rows, instants(local.gather(rows) - before) + before)
    return utc
