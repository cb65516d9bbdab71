"""Rows that are there already: repeated in their own file, or held by another load.

What belongs here: finding them by comparing rows where they are, and moving rows between a
staging table and its twin. What does not: the account of a load (``ledger``), and suspecting a row
while it is read (``clean.duplicates``). Everything runs in the caller's transaction.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from ecorse.clean.account import LINES_ADDED, REPEATED, Differing
from ecorse.schema.staging import STAGING_TABLES
from ecorse.schema.table import StagingTable


class Moved(NamedTuple):
    """How many rows a statement took away or put in, and their money."""

    rows: int
    money: Decimal


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


def stage_new_candidates(
    conn: psycopg.Connection, table: StagingTable, companions: Iterable[str], *, flags: bool
) -> tuple[dict[str, Moved], int]:
    """Stage the candidates that turn out to be new; the others repeat a row of this load.

    Companion rows are staged with the candidate of their source line.

    Parameters
    ----------
    companions
        Tables with undecided companion rows.
    flags
        Stage the repeated ones too, marked as such.

    Returns
    -------
    tuple
        What was staged, by table, and how many of these rows were marked.
    """
    columns = table.column_names
    compared = table.identity
    conn.execute("analyze candidate, possible_original")
    new = moved(
        conn,
        sql.SQL(
            """
            with new_row as (
                insert into {table} ({columns})
                select distinct on ({compared}) {of_candidate} from candidate
                where not exists (
                    select from possible_original where {same}
                )
                order by {compared}, candidate.source_line
                returning source_line, {money} as money
            ), noted as (
                insert into staged (source_line) select source_line from new_row
            )
            select count(*), coalesce(sum(money), 0) from new_row
            """
        ).format(
            table=sql.Identifier(*table.relation),
            columns=names(columns),
            of_candidate=names(columns, "candidate"),
            compared=names(compared, "candidate"),
            same=same_row("possible_original", "candidate", table),
            money=sql.SQL(table.money),
        ),
    )
    flagged = _stage_repeated(conn, table) if flags else Moved(0, Decimal(0))
    both = Moved(new.rows + flagged.rows, new.money + flagged.money)
    return {table.name: both} | stage_companions(conn, table, companions), flagged.rows


def _stage_repeated(conn: psycopg.Connection, table: StagingTable) -> Moved:
    """Stage the candidates that were not, marked as repeats."""
    columns = names(table.column_names)
    return moved(
        conn,
        sql.SQL(
            """
            with repeated as (
                update candidate
                set flags = coalesce(flags, '[]') || to_jsonb({flag}::text)
                where source_line not in (select source_line from staged)
                returning {columns}
            ), put as (
                insert into {table} ({columns}) select {columns} from repeated
                returning source_line, {money} as money
            ), noted as (
                insert into staged (source_line) select source_line from put
            )
            select count(*), coalesce(sum(money), 0) from put
            """
        ).format(
            table=sql.Identifier(*table.relation),
            columns=columns,
            flag=sql.Literal(REPEATED),
            money=sql.SQL(table.money),
        ),
    )


def differing_repeats(conn: psycopg.Connection, table: StagingTable) -> Differing:
    """The candidates that repeat a row of this load and say otherwise where nothing is declared.

    Called after the new ones were staged. Money without that of companions.
    """
    row = conn.execute(
        sql.SQL(
            """
            with original as (
                select * from possible_original
                union all
                select * from candidate where source_line in (select source_line from staged)
            ), dropped as (
                select *, {money} as money from candidate
                where source_line not in (select source_line from staged)
            ), differing as (
                select dropped.money, dropped.extra, original.extra as other
                from dropped inner join original on {same}
                where original.extra is distinct from dropped.extra
            )
            select count(*), coalesce(sum(money), 0), (
                select array_agg(distinct key) from differing, jsonb_object_keys(extra) as key
                where extra -> key is distinct from other -> key
            )
            from differing
            """
        ).format(money=sql.SQL(table.money), same=same_row("original", "dropped", table))
    ).fetchone()
    assert row is not None
    return Differing(row[0], row[1], set(row[2] or ()))


def stage_companions(
    conn: psycopg.Connection, table: StagingTable, companions: Iterable[str]
) -> dict[str, Moved]:
    """Stage the undecided companions of candidates that were staged; what was, by table."""
    return {
        LINES_ADDED if name == table.name else name: _stage_companions(conn, STAGING_TABLES[name])
        for name in sorted(companions)
    }


def _stage_companions(conn: psycopg.Connection, table: StagingTable) -> Moved:
    """Stage the undecided companion rows of a table whose primary row was staged."""
    columns = names(table.column_names)
    return moved(
        conn,
        sql.SQL(
            """
            with new_row as (
                insert into {table} ({columns})
                select {columns} from {candidates}
                where source_line in (select source_line from staged)
                returning {money} as money
            )
            select count(*), coalesce(sum(money), 0) from new_row
            """
        ).format(
            table=sql.Identifier(*table.relation),
            columns=columns,
            candidates=sql.Identifier(candidates_of(table)),
            money=sql.SQL(table.money),
        ),
    )


def set_repeated_aside(
    conn: psycopg.Connection,
    load_id: int,
    table: StagingTable,
    companions: Iterable[StagingTable],
    others: Sequence[int],
    first_at: datetime | None,
    last_at: datetime | None,
) -> dict[str, Moved]:
    """Move rows that one of the ``others`` already holds to the table's twin.

    ``first_at`` and ``last_at`` are this load's span. A row that another load holds as repeated is
    held as well: of any set of loads the earliest one that holds a row counts it. Companion
    rows follow the row of their source line. Gives what was moved, by table.
    """
    if not others:
        return {}
    columns = table.column_names
    # Rows copied a moment ago have no statistics, and a loop over them took minutes for seconds.
    conn.execute("set local enable_nestloop = off")
    span: sql.Composable = sql.SQL("true")
    if table.time and first_at is not None:
        span = sql.SQL("{} between {} and {}").format(
            sql.Identifier(table.time), sql.Literal(first_at), sql.Literal(last_at)
        )
    found = moved(
        conn,
        sql.SQL(
            """
            with held as (
                select {columns} from {table} where load_id in ({others}) and {span} and {own}
                union all
                select {columns} from {twin} where load_id in ({others}) and {span} and {own}
            ), moved as (
                delete from {table}
                where {name}.load_id = {load_id} and {own}
                    and exists (select from held where {same})
                returning {of_table}
            ), noted as (
                insert into set_aside (source_line) select source_line from moved
            ), put as (
                insert into {twin} ({columns})
                select {columns} from moved
                returning {money} as money
            )
            select count(*), coalesce(sum(money), 0) from put
            """
        ).format(
            columns=names(columns),
            table=sql.Identifier(*table.relation),
            name=sql.Identifier(table.name),
            twin=sql.Identifier("staging", table.twin),
            of_table=names(columns, table.name),
            load_id=sql.Literal(load_id),
            others=sql.SQL(", ").join(map(sql.Literal, others)),
            span=span,
            own=sql.SQL(table.own_rows),
            same=same_row(table.name, "held", table),
            money=sql.SQL(table.money),
        ),
    )
    return move_companions(conn, table, found, companions, load_id)


def move_companions(
    conn: psycopg.Connection,
    table: StagingTable,
    found: Moved,
    companions: Iterable[StagingTable],
    load_id: int,
) -> dict[str, Moved]:
    """Let the companions of rows that were moved to the twin follow them; what was moved, by table.

    Lines that were added to a row's own table follow it too.
    """
    if not found.rows:
        return {}
    moves = {table.name: found}
    for other in companions:
        moves[other.name] = _move_companions(conn, other, load_id)
    if table.has_added_lines:
        moves[LINES_ADDED] = _move_companions(conn, table, load_id)
    return moves


def _move_companions(conn: psycopg.Connection, table: StagingTable, load_id: int) -> Moved:
    """Move the companion rows of a table whose primary row was moved."""
    columns = names(table.column_names)
    return moved(
        conn,
        sql.SQL(
            """
            with moved as (
                delete from {table}
                where load_id = {load_id} and source_line in (select source_line from set_aside)
                returning {columns}
            ), put as (
                insert into {twin} ({columns})
                select {columns} from moved
                returning {money} as money
            )
            select count(*), coalesce(sum(money), 0) from put
            """
        ).format(
            table=sql.Identifier(*table.relation),
            twin=sql.Identifier("staging", table.twin),
            columns=columns,
            load_id=sql.Literal(load_id),
            money=sql.SQL(table.money),
        ),
    )


def overlapping_loads(
    conn: psycopg.Connection,
    shop_id: str,
    source: str,
    replaced: Sequence[int],
    first_at: datetime | None,
    last_at: datetime | None,
) -> list[int]:
    """The live loads of a shop and source whose rows this load's may repeat.

    Those whose time span overlaps ``first_at`` to ``last_at``, where rows have times; those
    ``replaced`` are about to be superseded and do not count.
    """
    return [
        load_id
        for (load_id,) in conn.execute(
            """
            select load_id from ops.load
            where shop_id = %s and source = %s and load_id <> all(%s) and superseded_at is null
                and (%s::timestamptz is null or (first_row_at <= %s and last_row_at >= %s))
            order by load_id
            """,
            (shop_id, source, list(replaced), first_at, last_at, first_at),
        )
    ]


class Elsewhere(NamedTuple):
    """Orders of a load that other loads hold too, with lines that these do not hold.

    ``rows`` are these lines and ``money`` theirs; ``order_id``, ``line``, ``file_name`` an example.
    """

    orders: int
    rows: int
    money: Decimal
    order_id: str
    line: int
    file_name: str


def orders_elsewhere(
    conn: psycopg.Connection, load_id: int, table: StagingTable, others: Sequence[int]
) -> Elsewhere | None:
    """Whether orders of a load stand in other loads with other content; None where none does.

    Called after the rows that the ``others`` hold were set aside.
    """
    if not others or "order_id" not in table.key:
        return None
    row = conn.execute(
        sql.SQL(
            """
            with mine as (
                select shop_id, order_id, source_line, {money} as money from {table}
                where load_id = {load_id} and {own}
            ), theirs as (
                select shop_id, order_id, min(load_id) as load_id from {table}
                where load_id in ({others}) and {own} group by shop_id, order_id
            ), both_have as (
                select m.*, t.load_id from mine as m inner join theirs as t
                    on t.order_id = m.order_id and t.shop_id = m.shop_id
            )
            select count(distinct (shop_id, order_id)), count(*), coalesce(sum(money), 0),
                min(order_id) filter (where place = 1), min(source_line) filter (where place = 1),
                (select file_name from ops.load
                    where load_id = min(q.load_id) filter (where place = 1))
            from (
                select both_have.*, row_number() over (order by source_line) as place
                from both_have
            ) as q
            """
        ).format(
            money=sql.SQL(table.money),
            table=sql.Identifier(*table.relation),
            load_id=sql.Literal(load_id),
            own=sql.SQL(table.own_rows),
            others=sql.SQL(", ").join(map(sql.Literal, others)),
        )
    ).fetchone()
    return Elsewhere(*row) if row and row[0] else None
