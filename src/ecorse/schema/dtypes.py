"""The types that canonical rows have in a frame, from the declaration of their columns.

What belongs here: SQL type → dtype, and whether the two agree on what is equal. What does not:
casting a file's text (``clean.cast``).
"""

from __future__ import annotations

import polars as pl

from ecorse.schema.staging import MONEY, RATE
from ecorse.schema.table import StagedColumn

DECIMAL = pl.Decimal(14, 4)  # of every number with decimals, as ``clean.cast`` gives it
_DTYPES: dict[str, pl.DataType] = {
    "text": pl.String(),
    "jsonb": pl.String(),
    "integer": pl.Int32(),
    "bigint": pl.Int64(),
    "boolean": pl.Boolean(),
    "timestamptz": pl.Datetime("us", "UTC"),
    "timestamp": pl.Datetime("us"),
    "date": pl.Date(),
}


def dtype_of(column: StagedColumn) -> pl.DataType:
    """The dtype of a canonical column in the frame that a source makes."""
    if column.sql_type == RATE:
        return pl.Decimal(20, 10)
    return DECIMAL if column.sql_type.startswith("numeric") else _DTYPES[column.sql_type]


def is_exact(column: StagedColumn) -> bool:
    """Whether Postgres finds two values equal only if they are equal in the frame.

    Not of JSON, where ``1`` equals ``1.0``, nor of a number with fewer decimals than its frame.
    """
    if column.sql_type.startswith("numeric"):
        return column.sql_type in (MONEY, RATE)
    return column.sql_type != "jsonb"
