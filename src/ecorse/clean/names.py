"""What expressions may name: the columns of typed rows, and the clocks of their times.

What belongs here: from a contract's columns to names. What does not: what an expression makes of
them (``expressions``), which rules there are (``rules``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from ecorse.clean.expressions import Name
from ecorse.clean.values import name_of
from ecorse.schema.contract import Column, is_instant

PLACED = "_placed"  # in frames whose targets are instants and the shop's wall clock already
DTYPES: dict[str, pl.DataType] = {
    "text": pl.String(), "integer": pl.Int64(), "decimal": pl.Decimal(14, 4),
    "percent": pl.Decimal(14, 4), "boolean": pl.Boolean(), "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
}  # fmt: skip


def names_of(
    columns: Iterable[Column], schema: Mapping[str, pl.DataType] | None = None
) -> dict[str, Name]:
    """What expressions may name: every declared column, by its target and its name in the file.

    Parameters
    ----------
    schema
        Of the frame; left out, the types are those that are declared. A column that the frame
        lacks is null.
    """
    names: dict[str, Name] = {}
    declared = list(columns)
    for column in declared:
        known = name_of(column)
        is_there = schema is None or known in schema
        dtype = schema[known] if schema and is_there else DTYPES[column.type]
        names[known] = Name(known, dtype, is_there, _clock_of(column, schema or {}))
    for column in declared:
        if column.name:
            names.setdefault(column.name, names[name_of(column)])
    return names


def _clock_of(column: Column, schema: Mapping[str, pl.DataType]) -> str:
    """The clock of a column's typed times where it is not the shop's; rows may have their own."""
    if column.type != "timestamp" or column.zone_column or (column.target and PLACED in schema):
        return ""
    if is_instant(column):
        return "UTC"
    return "" if column.zone == "shop" else column.zone
