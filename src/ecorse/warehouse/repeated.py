"""Lines that are there already: repeated in their own file, or held by another load.

What belongs here: finding them by comparing rows where they are, and moving rows between the two
tables of order lines. What does not: the account of a load (``ledger``), and suspecting a row
while it is read (``clean.duplicates``). Everything runs in the caller's transaction.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

import psycopg
from psycopg import sql

NOT_COMPARED = ("load_id", "source_line")
# never null in staging: what equal rows are joined by, before their other columns are compared
JOINED_BY = ("shop_id", "order_id", "product_id", "ordered_local", "quantity", "unit_price")


class Moved(NamedTuple):
    """How many rows a statement took away or put in, and their quantity * unit_price."""

    rows: int
    money: Decimal


def order_line_columns(conn: psycopg.Connection) -> list[str]:
    """Columns of ``staging.order_lines``, in order."""
    return [
        name
        for (name,) in conn.execute(
            """
            select attname from pg_attribute
            where attrelid = 'staging.order_lines'::regclass and attnum > 0 and not attisdropped
            order by attnum
            """
        )
    ]


def create_work_tables(conn: psycopg.Connection) -> None:
    """Temporary tables of a load: candidate duplicates, what they may repeat, and rejects."""
    conn.execute(
        """
        create temporary table candidate (like staging.order_lines including defaults)
            on commit drop
        """
    )
    conn.execute("create temporary table likely (like staging.order_lines) on commit drop")
    conn.execute(
        """
        create temporary table rejected (
            source_line bigint, raw text, is_base64 boolean, rule text, column_name text,
            sentence text, reasons jsonb
        ) on commit drop
        """
    )


def fetch_likely(
    conn: psycopg.Connection, streams: Sequence[psycopg.Connection], load_id: int
) -> None:
    """Bring the lines that candidates may repeat from the streams, before these commit.

    A transaction reads its own rows without marking them as committed. After the commit the same
    read would write every page once more (1.1 s per million rows, not 0.2 s).
    """
    suspects = sql.SQL("select distinct order_id from candidate")

    def read(stream: psycopg.Connection) -> IO[bytes]:
        stream.execute("set local max_parallel_workers_per_gather = 0")
        stream.execute("create temporary table suspect (order_id text) on commit drop")
        _copy_in(stream, "suspect", io.BytesIO(order_ids))
        stream.execute("analyze suspect")
        return _copy_out(
            stream,
            sql.SQL(
                """
                select * from staging.order_lines
                where load_id = {} and order_id in (select order_id from suspect)
                """
            ).format(sql.Literal(load_id)),
        )

    with _copy_out(conn, suspects) as file, ThreadPoolExecutor(len(streams)) as pool:
        order_ids = file.read()
        for lines in pool.map(read, streams):
            with lines:
                _copy_in(conn, "likely", lines)


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


def _same_line(left: str, right: str, columns: Sequence[str]) -> sql.Composable:
    """Condition: two rows agree in every canonical column."""
    a, b = sql.Identifier(left), sql.Identifier(right)
    equal = "{a}.{c} = {b}.{c}"
    maybe_null = "{a}.{c} is not distinct from {b}.{c}"
    return sql.SQL(" and ").join(
        sql.SQL(equal if name in JOINED_BY else maybe_null).format(a=a, b=b, c=sql.Identifier(name))
        for name in columns
        if name not in NOT_COMPARED
    )


def _names(columns: Sequence[str], prefix: str = "") -> sql.Composable:
    qualified = [(prefix, name) if prefix else (name,) for name in columns]
    return sql.SQL(", ").join(sql.Identifier(*name) for name in qualified)


def _moved(conn: psycopg.Connection, statement: sql.Composed, load_id: int) -> Moved:
    row = conn.execute(statement, {"load": load_id}).fetchone()
    assert row is not None
    return Moved(*row)


def stage_new_candidates(conn: psycopg.Connection, load_id: int) -> Moved:
    """Stage the candidates that turn out to be new; the others repeat a row of this load."""
    columns = order_line_columns(conn)
    compared = [c for c in columns if c not in NOT_COMPARED]
    conn.execute("analyze candidate, likely")
    return _moved(
        conn,
        sql.SQL(
            """
            with new_line as (
                insert into staging.order_lines ({columns})
                select distinct on ({compared}) {of_candidate} from candidate
                where not exists (
                    select from likely where {same}
                )
                order by {compared}, candidate.source_line
                returning quantity * unit_price as money
            )
            select count(*), coalesce(sum(money), 0) from new_line
            """
        ).format(
            columns=_names(columns),
            of_candidate=_names(columns, "candidate"),
            compared=_names(compared, "candidate"),
            same=_same_line("likely", "candidate", columns),
        ),
        load_id,
    )


def set_repeated_aside(
    conn: psycopg.Connection,
    load_id: int,
    shop_id: str,
    source: str,
    replaced: Sequence[int],
    first_at: datetime | None,
    last_at: datetime | None,
) -> Moved:
    """Move lines that another live load already holds to ``staging.repeated_order_lines``.

    Looks only at loads whose time span overlaps ``first_at`` to ``last_at``, this load's own;
    those ``replaced`` are about to be superseded and do not count. A line that another load holds
    as repeated is held as well: of any set of loads the earliest one that holds a line counts it.
    """
    others = [
        other
        for (other,) in conn.execute(
            """
            select load_id from ops.load
            where shop_id = %s and source = %s and load_id <> all(%s) and superseded_at is null
                and first_row_at <= %s and last_row_at >= %s
            order by load_id
            """,
            (shop_id, source, list(replaced), last_at, first_at),
        )
    ]
    if not others:
        return Moved(0, Decimal(0))
    columns = order_line_columns(conn)
    # Rows copied a moment ago have no statistics, and a loop over them took minutes for seconds.
    conn.execute("set local enable_nestloop = off")
    statement = sql.SQL(
        """
        with held as (
            select {columns} from staging.order_lines
            where load_id in ({others}) and ordered_at between {first_at} and {last_at}
            union all
            select {columns} from staging.repeated_order_lines
            where load_id in ({others}) and ordered_at between {first_at} and {last_at}
        ), moved as (
            delete from staging.order_lines
            where order_lines.load_id = %(load)s
                and exists (select from held where {same})
            returning {of_order_lines}
        ), put as (
            insert into staging.repeated_order_lines ({columns})
            select {columns} from moved
            returning quantity * unit_price as money
        )
        select count(*), coalesce(sum(money), 0) from put
        """
    ).format(
        columns=_names(columns),
        of_order_lines=_names(columns, "order_lines"),
        others=sql.SQL(", ").join(map(sql.Literal, others)),
        first_at=sql.Literal(first_at),
        last_at=sql.Literal(last_at),
        same=_same_line("order_lines", "held", columns),
    )
    return _moved(conn, statement, load_id)
