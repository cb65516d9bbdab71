"""Turns framed text columns into typed canonical ones by the contract, or says why not.

What belongs here: conversions and the repairs the contract allows. What does not: its rules
(``rules``), what one source alone knows (``ecorse.sources``). Whole columns are cast at once;
only values that fail are looked at again, and only rejected rows get sentences.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.rules import (
    FLAG_SCHEMA,
    WARNED_SCHEMA,
    Found,
    RowRules,
    judge_column,
    reasons_of,
)
from ecorse.clock import EPOCHS
from ecorse.schema.contract import Column, Contract, Header

# Tried where no declared format fits: ISO 8601 leaves nothing to guess, and the date cells of a
# spreadsheet or Parquet file are written so, whatever format the source declares for its text.
ISO_FORMATS: dict[str, tuple[str, ...]] = {
    "timestamp": ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d"),
    "date": ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S"),
}
BOOLEANS = {
    "true": True, "t": True, "yes": True, "y": True, "1": True,
    "false": False, "f": False, "no": False, "n": False, "0": False,
}  # fmt: skip
PRECISION, SCALE = 14, 4  # numeric(14, 4) of staging
EXPECTATIONS = {
    "integer": "a whole number",
    "boolean": "true or false, yes or no, 1 or 0",
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
    ``_row, rule, column, sentence``, one row per reason, in the order of the contract. ``flags``
    has ``_row, rule`` for every rule of level ``flag`` that a kept row breaks; ``warned`` those of
    level ``warn``, the first of a block with a sentence.
    """

    frame: pl.DataFrame
    reasons: pl.DataFrame
    repaired: Counter[str] = field(default_factory=Counter)
    flags: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FLAG_SCHEMA))
    warned: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WARNED_SCHEMA))


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


def cast(
    raw: pl.DataFrame,
    header: Header,
    contract: Contract,
    row_rules: RowRules | None = None,
    lines: NDArray[np.int64] | None = None,
) -> Cast:
    """Cast a block's text columns by the contract and apply its rules.

    Parameters
    ----------
    raw
        Text columns as ``parse`` gives them, one row per record.
    row_rules
        The rules on whole rows, which know the blocks before; left out, there are none before.
    lines
        The lines that the rows stood on.

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
    found = Found()
    for i, column in declared:
        text = raw[text_column(i)]
        if column.type != "text":
            frame, text, unread = _repair(frame, text, column, repaired)
            if unread is not None:
                rule_id = f"{column.target}_invalid"
                rows = unread.arg_true()
                found.reasons.append(reasons_of(rows, text, column, rule_id, _expected(column)))
        judge_column(found, frame, text, column, contract.rules)
    if contract.drift == "quarantine":
        found.reasons += _undeclared(raw, header, contract)
    if row_rules is None:
        row_rules = RowRules(contract, header)
    row_rules.judge(found, frame, np.arange(frame.height) if lines is None else lines)
    why, flags, warned = found.frames()
    if found.reasons:
        frame, flags, warned = (
            kept.join(why, on="_row", how="anti", maintain_order="left")
            for kept in (frame, flags, warned)
        )
    return Cast(frame, why, repaired, flags, warned)


def _undeclared(raw: pl.DataFrame, header: Header, contract: Contract) -> list[pl.DataFrame]:
    """Reasons of rows that have a value in a column that the contract does not know."""
    sentence = f"the contract of {contract.name} knows no such column, so expected nothing"
    reasons: list[pl.DataFrame] = []
    for i, name in enumerate(header.names):
        if header.columns[i] is None:
            text = raw[text_column(i)]
            rows = text.is_not_null().arg_true()
            if len(rows):
                column = Column(name, None)
                reasons.append(reasons_of(rows, text, column, "undeclared_column", sentence))
    return reasons


def _name(column: Column) -> str:
    return column.target or column.name


def _convert(text: pl.Expr, column: Column) -> pl.Expr:
    """The plain conversion, of times by the first format; what it cannot read is null."""
    if column.type == "integer":
        return text.cast(pl.Int64, strict=False)
    if column.type == "decimal":
        # the cast alone would take exponents and round a fifth decimal away
        exact = ~text.str.contains(r"[eE]|\.\d{4}\d*[1-9]")
        return pl.when(exact).then(text).cast(pl.Decimal(PRECISION, SCALE), strict=False)
    if column.type == "timestamp":
        return _to_datetime(text, column.formats[0])
    if column.type == "date":
        return text.str.to_date(column.formats[0], strict=False)
    if column.type == "boolean":
        return text.str.to_lowercase().replace_strict(
            BOOLEANS, default=None, return_dtype=pl.Boolean
        )
    return text


def _to_datetime(text: pl.Expr, time_format: str) -> pl.Expr:
    if per_unit := EPOCHS.get(time_format):
        count = text.cast(pl.Int64, strict=False)
        # what is later than the year 9999 is no time but a mistaken unit or column
        sane = pl.when(count.is_between(0, 253_402_300_799_000_000 // per_unit)).then(count)
        return (sane * per_unit).cast(pl.Datetime("us"))
    if "%H" not in time_format and "%I" not in time_format:
        return text.str.to_date(time_format, strict=False).cast(pl.Datetime("us"))
    return text.str.to_datetime(time_format, time_unit="us", strict=False)


def _repair(
    frame: pl.DataFrame, text: pl.Series, column: Column, repaired: Counter[str]
) -> tuple[pl.DataFrame, pl.Series, pl.Series | None]:
    """Try white space, further formats and the contract's repairs on what did not convert.

    Gives the frame, the trimmed text, and which values still did not convert (none where all did).
    """
    name = _name(column)
    if frame[name].null_count() == text.null_count():  # casts only ever add nulls
        return frame, text, None
    # only the few values that failed are looked at: whole columns cost as much as the cast itself
    rows = (frame[name].is_null() & text.is_not_null()).arg_true()
    odd = text.gather(rows).str.strip_chars().replace("", None)
    text = text.scatter(rows, odd)
    values = frame[name].gather(rows)
    for repair in ("trim", *column.normalise):
        applies, cut = NORMALISATIONS[repair]
        tried = pl.select(
            pl.when(pl.lit(values).is_null() & pl.lit(odd).str.contains(applies)).then(
                _convert(pl.lit(odd.str.replace_all(cut, "")), column)
            )
        ).to_series()
        if repair != "trim" and (count := len(tried) - tried.null_count()):
            repaired[f"{column.target}_{repair}"] += count
        values = pl.select(pl.coalesce(pl.lit(values), pl.lit(tried))).to_series()
    further = [(f, False) for f in column.formats[1:]]
    further += [(f, True) for f in ISO_FORMATS.get(column.type, ())]
    for time_format, is_iso in further:
        if values.null_count() == odd.null_count():
            break
        read = _convert(pl.lit(odd), replace(column, formats=(time_format,)))
        tried = pl.select(pl.when(pl.lit(values).is_null()).then(read)).to_series()
        if is_iso and (count := len(tried) - tried.null_count()):
            repaired[f"{column.target}_iso"] += count
        values = pl.select(pl.coalesce(pl.lit(values), pl.lit(tried))).to_series()
    frame = frame.with_columns(frame[name].scatter(rows, values))
    return frame, text, frame[name].is_null() & text.is_not_null()


def _expected(column: Column) -> str:
    if column.type in ("timestamp", "date"):
        what = "date and time" if column.type == "timestamp" else "date"
        return f"expected an existing {what} as {' or '.join(column.formats)}"
    return f"expected {EXPECTATIONS[column.type]}"
