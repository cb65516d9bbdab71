"""Rows that other loads of the source hold already.

What belongs here: finding them by comparing rows where they are, and moving them to the twin of
their table. What does not: rows with a key (``keyed``), repeats within a file (``repeated``), the
account of a load (``ledger``). Everything runs in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import psycopg
from psycopg import sql

from ecorse.clean.account import LINES_ADDED
from ecorse.ingest.comparing import Moved, moved, names, same_row
from ecorse.schema.table import StagingTable


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
