"""Results of selects as frames, by COPY, never row by row through Python.

What belongs here: reading. What does not: rows into Postgres (``warehouse.copy``, ``spool``).
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import polars as pl
import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from ecorse.errors import DataError

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
TEXT_TYPES = ("text", "varchar", "bpchar")


def read_frame(
    conn: psycopg.Connection,
    query: str,
    parameters: Sequence[Any] = (),
    *,
    words: Collection[str] = (),
) -> pl.DataFrame:
    """The result of a select as a frame.

    Integers, doubles, dates and wall-clock timestamps keep their kind; numeric becomes Float64;
    an instant becomes a UTC Datetime; anything else is text. The rows are parsed in blocks, so
    that the text of the whole result is never held beside the frame.

    Parameters
    ----------
    words
        Text columns of few different values: they come as Categorical, a quarter of the memory.

    Raises
    ------
    DataError
        Two columns have one name.
    """
    statement = sql.SQL(query)  # it may end with a comment: what follows is on a line of its own
    with psycopg.ClientCursor(conn) as cursor:
        bound = cursor.mogrify(statement, parameters or None)  # else a % would be a placeholder
        described = cursor.execute(f"select * from ({bound}\n) as q limit 0")
        assert described.description is not None
        types = {c.name: _type_name(conn, c.type_code) for c in described.description}
        if len(types) < len(described.description):
            names = [column.name for column in described.description]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise DataError(
                f"The select has more than one column {', '.join(map(repr, twice))}: give each a "
                "name of its own with `as`."
            )
        with cursor.copy(f"copy ({bound}\n) to stdout (format csv)") as copy:
            blocks = [_parse(block, types, words) for block in _read_blocks(conn, copy)]
    return pl.concat(blocks or [_parse(b"", types, words)])


def _read_blocks(conn: psycopg.Connection, copy: psycopg.Copy) -> Iterator[bytes]:
    """The text of whole rows, some megabytes at a time.

    The server sends a row a message, and most of ``copy.read`` is asking whether one has come:
    taking what is there without it halves the time.
    """
    link, text = conn.pgconn, io.BytesIO()
    while row := copy.read():  # waits for the server, and can be interrupted
        count, data = len(row), row
        while count > 0:
            text.write(data)  # kept as they come, a million pieces cost 2 s more
            count, data = link.get_copy_data(1)
        if count < 0:
            _finish(conn)
            break
        if text.tell() >= BLOCK_BYTES:
            yield text.getvalue()
            text = io.BytesIO()
    if text.tell():
        yield text.getvalue()


def _finish(conn: psycopg.Connection) -> None:
    """Take what the server says at the end of a COPY.

    Raises
    ------
    psycopg.Error
        It broke off.
    """
    told = []
    while (result := conn.pgconn.get_result()) is not None:  # all, or the connection stays busy
        told.append(result)
    for result in told:
        if result.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result, encoding=conn.info.encoding)


def _parse(text: bytes, types: Mapping[str, str], words: Collection[str]) -> pl.DataFrame:
    """Rows of COPY's CSV as a typed frame; an unquoted empty field is null, a quoted one is not."""
    schema = {
        name: POLARS_TYPES.get(kind, pl.String) if kind != "timestamp" else pl.String
        for name, kind in types.items()
    }
    schema |= {name: pl.Categorical for name in words if types.get(name) in TEXT_TYPES}
    if not text:
        frame = pl.DataFrame(schema=schema)
    else:
        frame = pl.read_csv(text, schema=schema, has_header=False)
    return frame.with_columns(
        *(_as_times(frame[name]) for name, kind in types.items() if kind == "timestamp"),
        *(
            _as_times(frame[name].str.strip_suffix("+00")).dt.replace_time_zone("UTC")
            for name, kind in types.items()
            if kind == "timestamptz"  # sessions of ``connect`` run in UTC
        ),
        *((pl.col(name) == "t").alias(name) for name, kind in types.items() if kind == "bool"),
    )


def _as_times(text: pl.Series) -> pl.Series:
    """Wall-clock times; whole seconds, as most are, are read in a quarter of the time."""
    whole = text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    if whole.null_count() == text.null_count():
        return whole
    return text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=True)


def _type_name(conn: psycopg.Connection, oid: int) -> str:
    info = conn.adapters.types.get(oid)
    return info.name if info else "text"
