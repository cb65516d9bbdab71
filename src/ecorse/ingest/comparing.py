"""Parts of statements that compare rows and move them between a staging table and its twin.

What belongs here: what is the same for rows with a key and without. What does not: which rows are
moved (``repeated``, ``elsewhere``, ``keyed``).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import psycopg
from psycopg import sql

from ecorse.schema.table import StagingTable


class Moved(NamedTuple):
    """How many rows a statement took away or put in, and their money."""

    rows: int
    money: Decimal


def same_row(left: str, right: str, table: StagingTable) -> sql.Composable:
    """Condition: two rows agree in everything that their source declares."""
    a, b = sql.Identifier(left), sql.Identifier(right)
    equal = "{a}.{c} = {b}.{c}"
    maybe_null = "{a}.{c} is not distinct from {b}.{c}"
    return sql.SQL(" and ").join(
        sql.SQL(equal if name in table.key else maybe_null).format(a=a, b=b, c=sql.Identifier(name))
        for name in table.identity
    )


def names(columns: Sequence[str], prefix: str = "") -> sql.Composable:
    qualified = [(prefix, name) if prefix else (name,) for name in columns]
    return sql.SQL(", ").join(sql.Identifier(*name) for name in qualified)


def moved(conn: psycopg.Connection, statement: sql.Composed) -> Moved:
    row = conn.execute(statement).fetchone()
    assert row is not None
    return Moved(*row)
