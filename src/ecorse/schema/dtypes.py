"""The types that canonical rows have in a frame, from the declaration of their columns.

What belongs here: SQL type → dtype. What does not: casting a file's text (``clean.cast``).
"""

from __future__ import annotations

import polars as pl

from ecorse.schema.staging import StagedColumn

DECIMAL = pl.Decimal(14, 4)  # of every number with decimals, as ``clean.cast`` gives it
_DTYPES: dict[str, pl.DataType] = {
    "text": pl.String(),
    "jsonb": pl.String(),
    "integer": pl.Int32(),
    "bigint": pl.Int64(),
    "boolean": pl.Boolean(),
    "timestamptz": pl.Datetime("us", "UTC"),
    "timestamp": pl.Datetime("us"),
}


def dtype_of(column: StagedColumn) -> pl.DataType:
    """The dtype of a canonical column in the frame that a source makes."""
    return DECIMAL if column.sql_type.startswith("numeric") else _DTYPES[column.sql_type]
