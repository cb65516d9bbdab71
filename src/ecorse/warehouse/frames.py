"""Frames in and out of Postgres by COPY, never row by row through Python.

What belongs here: moving a result or a model's rows. What does not: loading files
(``warehouse.copy``).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

BLOCK_BYTES = 8 << 20
POLARS_TYPES: dict[str, Any] = {
    "bool": pl.String,
    "int2": pl.Int16,
    "int4": pl.Int32,
    "int8": pl.Int64,
    "float4": pl.Float32,
    "float8": pl.Float64,
    "numeric": pl.Float64,
    "date": pl.Date,
    "timestamp": pl.Datetime("us"),
}


def read_frame(
    conn: psycopg.Connection, query: str, parameters: Sequence[Any] = ()
) -> pl.DataFrame:
    """The result of a select as a frame.

    Integers, doubles, dates and wall-clock timestamps keep their kind; numeric becomes Float64;
    an instant becomes a UTC Datetime; anything else is text. The rows are parsed in blocks, so
    that the text of the whole result is never held beside the frame.
    """
    statement = sql.SQL(query)  # it may end with a comment: what follows is on a line of its own
    with psycopg.ClientCursor(conn) as cursor:
        bound = cursor.mogrify(statement, parameters or None)  # else a % would be a placeholder
        described = cursor.execute(f"select * from ({bound}\n) as q limit 0")
        assert described.description is not None
        types = {c.name: _type_name(conn, c.type_code) for c in described.description}
        blocks, buffer = [], io.BytesIO()
        with cursor.copy(f"copy ({bound}\n) to stdout (format csv)") as copy:
            for row in copy:  # the server sends one row a message
                buffer.write(row)
                if buffer.tell() >= BLOCK_BYTES:
                    blocks.append(_parse(buffer, types))
                    buffer = io.BytesIO()
    if buffer.tell() or not blocks:
        blocks.append(_parse(buffer, types))
    return pl.concat(blocks)


def _parse(buffer: io.BytesIO, types: Mapping[str, str]) -> pl.DataFrame:
    """Rows of COPY's CSV as a typed frame; an unquoted empty field is null, a quoted one is not."""
    schema = {
        name: POLARS_TYPES.get(kind, pl.String) if kind != "timestamp" else pl.String
        for name, kind in types.items()
    }
    if not buffer.tell():
        frame = pl.DataFrame(schema=schema)
    else:
        buffer.seek(0)
        frame = pl.read_csv(buffer, schema=schema, has_header=False)
    return frame.with_columns(
        *(
            pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=True)
            for name, kind in types.items()
            if kind == "timestamp"
        ),
        *(
            pl.col(name)
            .str.replace(r"\+00$", "+0000")
            .str.to_datetime("%Y-%m-%d %H:%M:%S%.f%z", time_unit="us", strict=True)
            for name, kind in types.items()
            if kind == "timestamptz"
        ),
        *((pl.col(name) == "t").alias(name) for name, kind in types.items() if kind == "bool"),
    )


def _type_name(conn: psycopg.Connection, oid: int) -> str:
    info = conn.adapters.types.get(oid)
    return info.name if info else "text"


def copy_frame(conn: psycopg.Connection, table: str, frame: pl.DataFrame) -> int:
    """Append a frame to a table (qualified, quoted name) by column name; gives the row count."""
    columns = sql.SQL(", ").join(map(sql.Identifier, frame.columns)).as_string(conn)
    with (
        conn.cursor() as cursor,
        cursor.copy(f"copy {table} ({columns}) from stdin (format csv)") as copy,
    ):
        for part in frame.iter_slices(100_000):
            copy.write(part.write_csv(include_header=False, quote_style="non_numeric"))
    return frame.height
