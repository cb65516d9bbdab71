"""The temporary tables of a load: candidates, what they may repeat, rejects.

What belongs here: making and filling them. What does not: deciding about their rows (``repeated``,
``keyed``). Everything runs in the caller's transaction.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile
from typing import IO

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from ecorse.schema.table import StagingTable


def create_work_tables(conn: psycopg.Connection, table: StagingTable) -> None:
    """Temporary tables of a load: candidate duplicates, what they may repeat, and rejects.

    ``staged`` and ``set_aside`` hold the source lines of the candidates that turned out to be new
    and of the rows that another load holds: companion rows follow them.
    """
    create_candidates(conn, table, "candidate")
    conn.execute(
        sql.SQL("create temporary table possible_original (like {}) on commit drop").format(
            sql.Identifier(*table.relation)
        )
    )
    for name in ("staged", "set_aside"):
        conn.execute(f"create temporary table {name} (source_line bigint) on commit drop")
    conn.execute(
        """
        create temporary table rejected (
            source_line bigint, raw text, is_base64 boolean, rule text, column_name text,
            sentence text, reasons jsonb
        ) on commit drop
        """
    )


def create_candidates(conn: psycopg.Connection, table: StagingTable, name: str) -> None:
    """A temporary table of rows whose staging is not yet decided."""
    conn.execute(
        sql.SQL(
            "create temporary table if not exists {} (like {} including defaults) on commit drop"
        ).format(sql.Identifier(name), sql.Identifier(*table.relation))
    )


def candidates_of(table: StagingTable) -> str:
    """Name of the temporary table of a table's undecided companion rows."""
    return f"candidate_{table.name}"


def fetch_possible_originals(
    conn: psycopg.Connection,
    streams: Sequence[psycopg.Connection],
    table: StagingTable,
    load_id: int,
    lines: Iterable[NDArray[np.int64]],
) -> None:
    """Bring the rows that candidates may repeat, by their lines, before the streams commit.

    Where there is no such line nothing is read. A transaction reads its own rows without marking
    them as committed. After the commit the same read would write every page once more (1.1 s per
    million rows, not 0.2 s).
    """
    suspects = b"".join(b"%d\n" % line for part in lines for line in part.tolist())
    if not suspects:
        return

    def read(stream: psycopg.Connection) -> IO[bytes]:
        stream.execute("set local max_parallel_workers_per_gather = 0")
        stream.execute("create temporary table suspect (source_line bigint) on commit drop")
        _copy_in(stream, "suspect", io.BytesIO(suspects))
        stream.execute("analyze suspect")
        return _copy_out(
            stream,
            sql.SQL(
                "select * from {} where load_id = {} "
                "and source_line in (select source_line from suspect)"
            ).format(sql.Identifier(*table.relation), sql.Literal(load_id)),
        )

    with ThreadPoolExecutor(len(streams)) as pool:
        for rows in pool.map(read, streams):
            with rows:
                _copy_in(conn, "possible_original", rows)


def _copy_out(conn: psycopg.Connection, query: sql.Composable) -> IO[bytes]:
    """A query's rows as COPY text; on disk where there are many."""
    file = SpooledTemporaryFile(max_size=8 << 20)  # noqa: SIM115  the caller closes it
    with conn.cursor() as cursor, cursor.copy(sql.SQL("copy ({}) to stdout").format(query)) as copy:
        for block in copy:
            file.write(block)
    file.seek(0)
    return file


def _copy_in(conn: psycopg.Connection, table: str, text: IO[bytes]) -> None:
    statement = sql.SQL("copy {} from stdin").format(sql.Identifier(table))
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        while block := text.read(1 << 20):
            copy.write(block)
