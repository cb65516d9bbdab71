"""Parquet files as CSV text, in batches of rows.

What belongs here: which Parquet types have a text, and typed columns as text. What does not: what
a value means (``ecorse.clean.cast``). Runs in a process of its own (``ecorse.arms_length``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from ecorse.clean.formats.base import header_line, understood
from ecorse.errors import ContractError

# 4 million event rows of 5 columns: 240 MB at most with row groups of 100,000 rows, 500 MB as one
BATCH_ROWS = 50_000
THREE_DECIMALS = r"^([+-]?\d+\.\d{3})$"  # 1.234 could be thousands as well, and 1.2340 could not


def csv_blocks(path: str, file_name: str, said: Mapping[str, Any]) -> Iterator[bytes]:
    """Give the header line, then the rows in batches; memory is that of a row group.

    Raises
    ------
    ContractError
        The file is damaged or cut off, or a column has a type that has no text.
    """
    _, wanted = understood(said)
    try:
        rows = pl.scan_parquet(path, low_memory=True, glob=False)
        schema = rows.collect_schema()
        texts = [_as_text(name, dtype, file_name) for name, dtype in schema.items()]
        numbers = [name for name, dtype in schema.items() if dtype.is_float() or dtype.is_decimal()]
        signs = {name: sign for name in numbers if (sign := wanted.sign_of(name)) in ("", ",")}
        if not texts:
            raise ContractError(
                f"{file_name}: the Parquet file has no columns. Nothing was loaded. "
                "Export it again."
            )
        yield header_line(list(schema))
        batches = rows.select(texts).collect_batches(chunk_size=BATCH_ROWS, maintain_order=True)
        for batch in batches:
            if batch.height:
                yield frame_to_csv(
                    batch.with_columns(number_texts(batch[n], sign) for n, sign in signs.items())
                )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ContractError(
            f"{file_name}: damaged or cut-off Parquet ({error}). Nothing was loaded. Fetch the "
            "file again."
        ) from None


def _as_text(name: str, dtype: pl.DataType, file_name: str) -> pl.Expr:
    """The column in a type that CSV text can hold exactly."""
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return time_text(name, dtype.time_zone)
    if dtype == pl.Float32:  # through its own shortest text: 0.1 stays 0.1
        return column.cast(pl.String).cast(pl.Float64)
    if dtype in (pl.Binary, pl.Categorical, pl.Enum):
        return column.cast(pl.String)
    if dtype.is_nested() or dtype in (pl.Duration, pl.Object):
        raise ContractError(
            f"{file_name}: column {name!r} holds {dtype}, which has no text. Nothing was loaded. "
            "Expected texts, numbers, times or booleans: export it as one of these, or leave it "
            "out."
        )
    return column


def frame_to_csv(frame: pl.DataFrame) -> bytes:
    """Rows as CSV text without a header, quoted where RFC 4180 asks for it.

    Numbers have no exponent, and whole floats no ``.0``; an empty value is null.
    """
    text: str = frame.with_columns(pl.col(pl.String).replace("", None)).write_csv(
        include_header=False, float_scientific=False
    )
    return text.encode("utf-8")


def number_texts(numbers: pl.Series, sign: str) -> pl.Series:
    """Numbers as ``base.number_text`` writes them."""
    written = frame_to_csv(numbers.to_frame()).decode().split("\n")[:-1]
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
