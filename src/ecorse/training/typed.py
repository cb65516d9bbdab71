"""Frames with the columns and types of a result table.

What belongs here: SQL types to Polars types. What does not: reading and writing frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ecorse.models.relation import Relation

DTYPES: Mapping[str, Any] = {
    "text": pl.String,
    "jsonb": pl.String,
    "integer": pl.Int64,
    "bigint": pl.Int64,
    "double precision": pl.Float64,
    "boolean": pl.Boolean,
    "date": pl.Date,
}


def make_frame(spec: Relation, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame with the columns and types of ``spec``, also without any row."""
    schema = {name: DTYPES[c.sql_type] for name, c in spec.columns.items()}
    return pl.DataFrame(list(rows), schema=schema, orient="row")
