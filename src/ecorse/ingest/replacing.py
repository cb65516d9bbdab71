"""Rows with a key (``line_key``): what a load says anew of lines that earlier loads hold.

What belongs here: which earlier lines a load repeats, replaces, takes back or leaves unsaid. What
does not: a key that a load has twice (``keyed``), the order of loads (``places``), which of several
loads' rows a build counts (``refresh.relations``). Everything runs in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import psycopg
from psycopg import sql

from ecorse.ingest.comparing import Moved, moved, names, same_row
from ecorse.ingest.elsewhere import move_companions
from ecorse.ingest.keyed import SAME_KEY
from ecorse.schema.table import StagingTable

NOTHING = Moved(0, Decimal(0))


class Replaced(NamedTuple):
    """Rows that were set aside, by table, and those of earlier loads: see ``rows.Moves``."""

    set_aside: dict[str, Moved]
    replaced: Moved = NOTHING
    taken_back: Moved = NOTHING
    unsaid: Moved = NOTHING


def replace_earlier(
    conn: psycopg.Connection,
    load_id: int,
    table: StagingTable,
    companions: Iterable[StagingTable],
    earlier: Sequence[int],
) -> Replaced:
    """Move rows that say nothing new to the table's twin, and account for what earlier loads said.

    What was said before is that of the latest of the ``earlier`` loads that has the key. A row
    says something new when it, or a line beside it, is another one. The keys of rows that are left
    out are kept: from this load on their lines count no more.
    """
    conn.execute(
        "insert into ops.left_out_line (load_id, shop_id, line_id) "
        "select distinct %s::bigint, shop_id, line_id from left_out_key",
        (load_id,),
    )
    if not earlier:
        return Replaced({})
    # Rows copied a moment ago have no statistics, and a loop over them took minutes for seconds.
    conn.execute("set local enable_nestloop = off")
    parts: dict[str, sql.Composable] = {
        "columns": names(table.column_names),
        "table": sql.Identifier(*table.relation),
        "name": sql.Identifier(table.name),
        "twin": sql.Identifier("staging", table.twin),
        "load_id": sql.Literal(load_id),
        "earlier": sql.SQL(", ").join(map(sql.Literal, earlier)),
        "own": sql.SQL(table.own_rows),
        "own_qualified": sql.SQL(table.own_rows_of(table.name)),
        "money": sql.SQL(table.money),
        "content": names(table.identity),
        "same": same_row(table.name, "before", table),
        "same_key": sql.SQL(SAME_KEY.format(a=table.name, b="before")),
        "of_table": names(table.column_names, table.name),
    }
    _find_before(conn, parts)
    found = _move_unchanged(conn, parts)
    replaced = moved(
        conn,
        sql.SQL(
            """
            with changed as (
                select before.load_id, before.source_line, before.money
                from before inner join {table} on {same_key}
                where {name}.load_id = {load_id} and {own_qualified}
            ), with_them as (
                select was.money from beside as was inner join changed using (load_id, source_line)
                where not exists (
                    select from beside as now inner join set_aside using (source_line)
                    where now.load_id = {load_id} and now.line_id = was.line_id
                        and now.shop_id = was.shop_id and now.content = was.content
                )
            )
            select (select count(*) from changed), coalesce(sum(q.money), 0) from (
                select money from changed union all select money from with_them
            ) as q
            """
        ).format(**parts),
    )
    taken_back, unsaid = _gone(conn, parts)
    return Replaced(
        move_companions(conn, table, found, companions, load_id), replaced, taken_back, unsaid
    )


def _find_before(conn: psycopg.Connection, parts: Mapping[str, sql.Composable]) -> None:
    """Temporary tables of what the load has, and of what earlier loads had of its keys and orders.

    No ``not in`` and no ``in`` beside an ``or``: past ``work_mem`` these look through the whole
    list for every row.

    ``own_key`` are the keys of its rows; ``latest`` the place (``load_id, source_line``) of the
    latest row of each key of these, or of their orders, ``is_left_out`` where that was left out;
    ``before`` the latest rows of the load's own keys; ``beside`` the lines beside all of these and
    beside the load's own, with a number for their content.
    """
    statements = (
        """
        create temporary table own_key on commit drop as
        select shop_id, line_id, order_id, source_line from {table}
        where load_id = {load_id} and {own}
        """,
        "analyze own_key",
        """
        create temporary table latest on commit drop as
        with held as (
            select h.load_id, h.source_line, h.shop_id, h.line_id
            from (select * from {table} union all select * from {twin}) as h
            left join (
                select shop_id, line_id from own_key
                union select shop_id, line_id from left_out_key
            ) as said on said.shop_id = h.shop_id and said.line_id = h.line_id
            left join (select distinct shop_id, order_id from own_key) as ordered
                on ordered.shop_id = h.shop_id and ordered.order_id = h.order_id
            where h.load_id in ({earlier}) and {own}
                and (said.line_id is not null or ordered.order_id is not null)
        )
        select distinct on (k.shop_id, k.line_id) k.* from (
            select load_id, source_line, shop_id, line_id, false as is_left_out from held
            union all
            select load_id, null, shop_id, line_id, true
            from ops.left_out_line
            where load_id in ({earlier})
                and (shop_id, line_id) in (select shop_id, line_id from held)
        ) as k inner join ops.load as l on l.load_id = k.load_id
        order by k.shop_id, k.line_id, l.line_order desc, k.is_left_out
        """,
        "analyze latest",
        """
        create temporary table before on commit drop as
        select h.*, {money} as money
        from (select * from {table} union all select * from {twin}) as h
        where load_id in ({earlier}) and {own}
            and (load_id, source_line) in (select load_id, source_line from latest)
            and (shop_id, line_id) in (select shop_id, line_id from own_key)
        """,
        "analyze before",
        """
        create temporary table beside on commit drop as
        select load_id, source_line, shop_id, line_id, {money} as money,
            hashtextextended(row({content})::text, 0) as content
        from (select * from {table} union all select * from {twin}) as h
        left join (
            select distinct load_id as at_load, source_line as at_line from latest
            where not is_left_out
        ) as l on l.at_load = h.load_id and l.at_line = h.source_line
        where not ({own}) and (load_id = {load_id} or l.at_load is not null)
        """,
        "analyze beside",
    )
    for statement in statements:
        conn.execute(sql.SQL(statement).format(**parts))


def _move_unchanged(conn: psycopg.Connection, parts: Mapping[str, sql.Composable]) -> Moved:
    """Move the rows that are as before, with all that stands beside them, to the twin.

    A line may stand beside another row than before: an order's shipping does, where the row that
    stated it is another now.
    """
    return moved(
        conn,
        sql.SQL(
            """
            with otherwise as (
                select source_line from beside as now where load_id = {load_id} and not exists (
                    select from beside as was
                    where was.load_id <> {load_id} and was.line_id = now.line_id
                        and was.shop_id = now.shop_id and was.content = now.content
                )
                union all
                select own_key.source_line from own_key
                inner join before using (shop_id, line_id)
                inner join beside as was
                    on was.load_id = before.load_id and was.source_line = before.source_line
                where not exists (
                    select from beside as now
                    where now.load_id = {load_id} and now.line_id = was.line_id
                        and now.shop_id = was.shop_id and now.content = was.content
                )
            ), moved as (
                delete from {table} using before
                where {name}.load_id = {load_id} and {own_qualified} and {same_key} and {same}
                    and not exists (
                        select from otherwise where otherwise.source_line = {name}.source_line
                    )
                returning {of_table}
            ), noted as (
                insert into set_aside (source_line) select source_line from moved
            ), put as (
                insert into {twin} ({columns}) select {columns} from moved
                returning {money} as money
            )
            select count(*), coalesce(sum(money), 0) from put
            """
        ).format(**parts),
    )


def _gone(conn: psycopg.Connection, parts: Mapping[str, sql.Composable]) -> tuple[Moved, Moved]:
    """Earlier lines whose key came in a row that is left out, and those of which nothing came.

    The latter are of orders that the load has rows of. What stood beside a line goes with it,
    unless the load states it anew beside another.
    """
    gone = """
        with gone as (
            select load_id, source_line from latest
            where not is_left_out
                and not exists (
                    select from own_key as k
                    where k.shop_id = latest.shop_id and k.line_id = latest.line_id
                )
                and {which} (
                    select from left_out_key as k
                    where k.shop_id = latest.shop_id and k.line_id = latest.line_id
                )
        ), anew as (
            select distinct shop_id, line_id from {table}
            where load_id = {load_id} and not ({own}) and line_id is not null
        )
        select count(*) filter (where {own}), coalesce(sum({money}), 0)
        from (select * from {table} union all select * from {twin}) as h
        left join anew on anew.shop_id = h.shop_id and anew.line_id = h.line_id
        where (h.load_id, h.source_line) in (select load_id, source_line from gone)
            and ({own} or anew.line_id is null)
        """
    taken_back, unsaid = (
        moved(conn, sql.SQL(gone).format(**parts, which=sql.SQL(which)))
        for which in ("exists", "not exists")
    )
    return taken_back, unsaid
