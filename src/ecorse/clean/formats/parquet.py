"""Parquet files as CSV text, in batches of rows.

What belongs here: which Parquet types have a text. What does not: what a value means
(``ecorse.clean.cast``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from ecorse.clean.formats.base import Wanted, header_line, number_texts, time_text, to_csv
from ecorse.errors import ContractError
from ecorse.schema.shape import Shape

# 4 million event rows of 5 columns: 240 MB at most with row groups of 100,000 rows, 500 MB as one
BATCH_ROWS = 50_000


def csv_blocks(path: Path, shape: Shape, wanted: Wanted, file_name: str) -> Iterator[bytes]:
    """Give the header line, then the rows in batches; memory is that of a row group.

    Raises
    ------
    ContractError
        The file is damaged or cut off, or a column has a type that has no text.
    """
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
                yield to_csv(
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
