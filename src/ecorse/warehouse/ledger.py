"""The ledger of loads: what is loaded, and the account of every row.

What belongs here: every statement of a load on ``ops.load``, ``ops.reject``, ``ops.load_report``,
``ops.load_attempt``, ``ops.refused_file``, and moving rows between the two tables of order lines.
What does not: reading files (``ecorse.load``), what a person does to loads later (``upkeep``).
Everything runs in the caller's transaction.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

import psycopg
from psycopg import sql

ORDER_LINES = ("staging", "order_lines")
REPEATED = ("staging", "repeated_order_lines")
NOT_COMPARED = ("load_id", "source_line")
# never null in staging: what equal rows are joined by, before their other columns are compared
JOINED_BY = ("shop_id", "order_id", "product_id", "ordered_local", "quantity", "unit_price")


class ReadAs(NamedTuple):
    """What decides how a content is read; under another one it is loaded again."""

    contract_sha256: str
    time_zone: str
    currency: str


class KnownLoad(NamedTuple):
    """A load that counts, or one that was withdrawn and whose content is kept out since."""

    load_id: int
    file_name: str
    sha256: str
    withdrawn_reason: str | None
    read_as: ReadAs


class Moved(NamedTuple):
    """How many rows a statement took away or put in, and their quantity * unit_price."""

    rows: int
    money: Decimal


@dataclass(frozen=True)
class LoadRow:
    """One row of ``ops.load``, without what the database itself fills in."""

    load_id: int
    shop_id: str
    source: str
    file_name: str
    sha256: str
    size_bytes: int
    rows_read: int
    rows_staged: int
    rows_duplicate: int
    rows_ignored: int
    rows_rejected: int
    money_staged: Decimal
    counts: Mapping[str, Mapping[str, int]]
    warnings: Sequence[str]
    contract_sha256: str
    time_zone: str
    currency: str
    first_row_at: datetime | None
    last_row_at: datetime | None
    started_at: datetime
    run_id: int | None
    ecorse_version: str


def remember_shop(
    conn: psycopg.Connection,
    shop_id: str,
    shop_name: str,
    time_zone: str,
    currency: str,
    *,
    is_simulated: bool = False,
) -> None:
    """Add a shop to ``ops.shop`` or bring its row up to date."""
    conn.execute(
        """
        insert into ops.shop as s (shop_id, shop_name, time_zone, currency, is_simulated)
        values (%s, %s, %s, %s, %s)
        on conflict (shop_id) do update set shop_name = excluded.shop_name,
            time_zone = excluded.time_zone, currency = excluded.currency
        where (s.shop_name, s.time_zone, s.currency)
            is distinct from (excluded.shop_name, excluded.time_zone, excluded.currency)
        """,
        (shop_id, shop_name, time_zone, currency, is_simulated),
    )


def known_loads(
    conn: psycopg.Connection, shop_id: str, source: str, *, file_name: str, sha256: str
) -> list[KnownLoad]:
    """What a file meets: the load that counts under its name, and the one of its content.

    The latter counts, or was withdrawn. A new load of the file takes the place of all of them.
    """
    rows = conn.execute(
        """
        select load_id, file_name, sha256, withdrawn_reason, contract_sha256, time_zone, currency
        from ops.load
        where shop_id = %(shop)s and source = %(source)s and (
            (superseded_at is null and (file_name = %(file)s or sha256 = %(sha256)s))
            or (withdrawn_reason is not null and superseded_by is null and sha256 = %(sha256)s)
        )
        order by load_id
        """,
        {"shop": shop_id, "source": source, "file": file_name, "sha256": sha256},
    ).fetchall()
    return [
        KnownLoad(load_id, name, content, reason, ReadAs(*read_as))
        for load_id, name, content, reason, *read_as in rows
    ]


def is_live(conn: psycopg.Connection, load_id: int) -> bool:
    """Whether a load counts: no other took its place."""
    row = conn.execute(
        "select superseded_at is null from ops.load where load_id = %s", (load_id,)
    ).fetchone()
    return row == (True,)


def may_be_loaded(conn: psycopg.Connection, shop_id: str, source: str, size_bytes: int) -> bool:
    """Whether a load that counts or was withdrawn has this size; else the content is new."""
    row = conn.execute(
        """
        select exists (
            select from ops.load where shop_id = %s and source = %s and size_bytes = %s
                and (superseded_at is null or withdrawn_reason is not null)
        )
        """,
        (shop_id, source, size_bytes),
    ).fetchone()
    return bool(row and row[0])


# --- attempts -----------------------------------------------------------------------------------


def begin_attempt(conn: psycopg.Connection, shop_id: str, source: str, file_name: str) -> int:
    """Take the next load id and note that a load with it is at work; gives the id."""
    row = conn.execute(
        """
        insert into ops.load_attempt (load_id, shop_id, source, file_name)
        values (nextval(pg_get_serial_sequence('ops.load', 'load_id')), %s, %s, %s)
        returning load_id
        """,
        (shop_id, source, file_name),
    ).fetchone()
    assert row is not None
    load_id: int = row[0]
    return load_id


def delete_leftovers(conn: psycopg.Connection, shop_id: str, source: str) -> int:
    """Delete what killed loads of this shop and source left in staging; gives the row count.

    Called by the one writer of the scope, so that every attempt noted here is a dead one.
    """
    attempts = conn.execute(
        "select load_id from ops.load_attempt where shop_id = %s and source = %s",
        (shop_id, source),
    ).fetchall()
    return sum(discard(conn, load_id) for (load_id,) in attempts)


def discard(conn: psycopg.Connection, load_id: int) -> int:
    """Delete the staged rows of a load that never came to count, and its note."""
    deleted = conn.execute(
        """
        delete from staging.order_lines where load_id = %(load)s
            and not exists (select from ops.load where load_id = %(load)s)
        """,
        {"load": load_id},
    ).rowcount
    conn.execute("delete from ops.load_attempt where load_id = %s", (load_id,))
    return deleted


# --- duplicates ---------------------------------------------------------------------------------


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


# --- the account --------------------------------------------------------------------------------


def record_load(conn: psycopg.Connection, load: LoadRow, replaced: Sequence[int]) -> None:
    """Make a load count: its row, its rejects; the loads it replaces stop counting.

    The rejects are those of the temporary table ``rejected``.
    """
    # one instant for both, so that at no time neither or both count
    known_at = conn.execute("select clock_timestamp()").fetchone()
    assert known_at is not None
    conn.execute(
        "update ops.load set superseded_at = %s where load_id = any(%s) and superseded_at is null",
        (known_at[0], list(replaced)),
    )
    values = vars(load) | {
        "known_at": known_at[0],
        "counts": json.dumps(load.counts, sort_keys=True),
        "warnings": json.dumps(load.warnings, ensure_ascii=False),
    }
    conn.execute(
        sql.SQL("insert into ops.load ({}) overriding system value values ({})").format(
            _names(list(values)), sql.SQL(", ").join(map(sql.Placeholder, values))
        ),
        values,
    )
    supersede(conn, replaced, load.load_id)
    conn.execute(
        """
        insert into ops.reject (
            load_id, source_line, raw, is_base64, rule, column_name, sentence, reasons
        )
        select %s, source_line, raw, is_base64, rule, column_name, sentence, reasons
        from rejected order by source_line
        """,
        (load.load_id,),
    )
    conn.execute("delete from ops.load_attempt where load_id = %s", (load.load_id,))


def supersede(conn: psycopg.Connection, replaced: Sequence[int], by: int) -> None:
    """Note which load took the place of others."""
    conn.execute(
        """
        update ops.load set superseded_by = %s,
            superseded_at = coalesce(superseded_at, clock_timestamp())
        where load_id = any(%s)
        """,
        (by, list(replaced)),
    )


def resolve_refused(conn: psycopg.Connection, shop_id: str, source: str, file_name: str) -> None:
    """Close earlier refusals of a file that has now been loaded."""
    conn.execute(
        """
        update ops.refused_file set resolved_at = clock_timestamp()
        where shop_id = %s and source = %s and file_name = %s and resolved_at is null
        """,
        (shop_id, source, file_name),
    )
