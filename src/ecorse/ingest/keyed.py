"""Rows with a key of their own (``line_key``): what a later row of the key means.

What belongs here: deciding about such rows within a load and between loads, where they are. What
does not: rows that are known by all they declare (``repeated``); which of several loads' rows a
build counts (``refresh.relations``). Everything runs in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

import psycopg
from psycopg import sql

from ecorse.clean.account import KEY_TWICE, key_sentence
from ecorse.ingest.repeated import (
    Moved,
    candidates_of,
    move_companions,
    moved,
    names,
    same_row,
    stage_companions,
)
from ecorse.schema.table import StagingTable

SAME_KEY = "{a}.line_id = {b}.line_id and {a}.shop_id = {b}.shop_id"


class Place(NamedTuple):
    """Where a load stands among the keyed loads of its source: its rows replace earlier ones."""

    line_order: int
    earlier: Sequence[int]


def place_of(
    conn: psycopg.Connection,
    shop_id: str,
    source: str,
    *,
    file_name: str,
    sha256: str,
    load_id: int,
    replaced: Sequence[int],
) -> Place:
    """The place of a load: the last, unless its file has the content it had when last seen.

    A content that is read again (by other rules, by a replay) keeps the place it had.
    """
    row = conn.execute(
        "select line_order from ops.seen_file "
        "where shop_id = %s and source = %s and file_name = %s and sha256 = %s",
        (shop_id, source, file_name, sha256),
    ).fetchone()
    line_order = row[0] if row else load_id
    earlier = conn.execute(
        """
        select load_id from ops.load
        where shop_id = %s and source = %s and line_order < %s and superseded_at is null
            and load_id <> all(%s)
        order by load_id
        """,
        (shop_id, source, line_order, list(replaced)),
    ).fetchall()
    return Place(line_order, [load for (load,) in earlier])


def note_seen(
    conn: psycopg.Connection,
    shop_id: str,
    source: str,
    *,
    file_name: str,
    sha256: str,
    line_order: int,
) -> None:
    """Remember which content a file has, and its place; a content that it had keeps its own."""
    conn.execute(
        """
        insert into ops.seen_file (shop_id, source, file_name, sha256, line_order)
        values (%s, %s, %s, %s, %s)
        on conflict (shop_id, source, file_name) do update set sha256 = excluded.sha256,
            line_order = excluded.line_order, seen_at = clock_timestamp()
        where seen_file.sha256 <> excluded.sha256
        """,
        (shop_id, source, file_name, sha256, line_order),
    )


def is_told_anew(conn: psycopg.Connection, load_id: int, *, file_name: str, sha256: str) -> bool:
    """Whether a file that has another load's content says it anew, after other loads.

    It does if it had this content first when others had come already: its rows may have been
    replaced since the load (``load_id``) that holds the content.
    """
    row = conn.execute(
        """
        select case
            when seen.sha256 = %(sha256)s then seen.line_order > l.line_order
            else exists (
                select from ops.load as later
                where later.shop_id = l.shop_id and later.source = l.source
                    and later.line_order > l.line_order and later.superseded_at is null
            ) end
        from ops.load as l left join ops.seen_file as seen on seen.shop_id = l.shop_id
            and seen.source = l.source and seen.file_name = %(file)s
        where l.load_id = %(load)s and l.line_order is not null
        """,
        {"file": file_name, "sha256": sha256, "load": load_id},
    ).fetchone()
    return bool(row and row[0])


def create_work_tables(conn: psycopg.Connection) -> None:
    """A temporary table of the candidates' text, for those that are rejected after all."""
    conn.execute(
        "create temporary table candidate_text (source_line bigint, raw text) on commit drop"
    )


def stage_new_candidates(
    conn: psycopg.Connection, table: StagingTable, companions: Collection[str]
) -> tuple[dict[str, Moved], Moved]:
    """Stage the candidates whose key is new; reject those that contradict the first of their key.

    Returns
    -------
    tuple
        What was staged, by table, and what was rejected.
    """
    conn.execute("analyze candidate, possible_original")
    conn.execute(
        """
        create temporary table first_of_key on commit drop as
        select distinct on (shop_id, line_id) * from (
            select * from possible_original union all select * from candidate
        ) as q order by shop_id, line_id, source_line
        """
    )
    columns = names(table.column_names)
    staged = moved(
        conn,
        sql.SQL(
            """
            with new_row as (
                insert into {table} ({columns})
                select {columns} from candidate
                where source_line in (select source_line from first_of_key)
                returning source_line, {money} as money
            ), noted as (
                insert into staged (source_line) select source_line from new_row
            )
            select count(*), coalesce(sum(money), 0) from new_row
            """
        ).format(
            table=sql.Identifier(*table.relation), columns=columns, money=sql.SQL(table.money)
        ),
    )
    rejected = _reject_contradicting(conn, table)
    beside = Decimal(0)
    if table.name in companions:
        beside = _money_beside_rejected(conn, table)
    return {table.name: staged} | stage_companions(conn, table, companions), Moved(
        rejected.rows, rejected.money + beside
    )


def _reject_contradicting(conn: psycopg.Connection, table: StagingTable) -> Moved:
    """Reject the candidates that are not what the first row of their key is; without companions."""
    return moved(
        conn,
        sql.SQL(
            """
            with contradicting as (
                select c.source_line, c.money, format({sentence}, c.source_line, c.line_id,
                    first_of_key.source_line) as sentence
                from (select *, {money} as money from candidate) as c
                inner join first_of_key on {same_key}
                where c.source_line <> first_of_key.source_line and not ({same})
            ), put as (
                insert into rejected (source_line, raw, is_base64, rule, sentence, reasons)
                select source_line, raw, false, {rule}, sentence, jsonb_build_array(
                    jsonb_build_object('rule', {rule}::text, 'column', null, 'sentence', sentence))
                from contradicting inner join candidate_text using (source_line)
            )
            select count(*), coalesce(sum(money), 0) from contradicting
            """
        ).format(
            money=sql.SQL(table.money),
            same_key=sql.SQL(SAME_KEY.format(a="c", b="first_of_key")),
            same=same_row("first_of_key", "c", table),
            sentence=sql.Literal(f"Line %s: {key_sentence('%s', '%s')}"),
            rule=sql.Literal(KEY_TWICE),
        ),
    )


def _money_beside_rejected(conn: psycopg.Connection, table: StagingTable) -> Decimal:
    """What the lines are worth that were added to contradicting candidates."""
    row = conn.execute(
        sql.SQL(
            "select coalesce(sum({money}), 0) from {added} where source_line in "
            "(select source_line from rejected where rule = {rule})"
        ).format(
            money=sql.SQL(table.money),
            added=sql.Identifier(candidates_of(table)),
            rule=sql.Literal(KEY_TWICE),
        )
    ).fetchone()
    assert row is not None
    money: Decimal = row[0]
    return money


def set_unchanged_aside(
    conn: psycopg.Connection,
    load_id: int,
    table: StagingTable,
    companions: Iterable[StagingTable],
    earlier: Sequence[int],
) -> tuple[dict[str, Moved], Moved]:
    """Move rows whose key had their content before to the table's twin.

    The content before is that of the latest of the ``earlier`` loads that has the key.

    Returns
    -------
    tuple
        What was moved, by table, and the rows of earlier loads that this load's replace, with
        their money.
    """
    if not earlier:
        return {}, Moved(0, Decimal(0))
    # Rows copied a moment ago have no statistics, and a loop over them took minutes for seconds.
    conn.execute("set local enable_nestloop = off")
    of_earlier = sql.SQL(", ").join(map(sql.Literal, earlier))
    parts: dict[str, sql.Composable] = {
        "columns": names(table.column_names),
        "table": sql.Identifier(*table.relation),
        "name": sql.Identifier(table.name),
        "twin": sql.Identifier("staging", table.twin),
        "load_id": sql.Literal(load_id),
        "earlier": of_earlier,
        "own": sql.SQL(table.own_rows),
        "money": sql.SQL(table.money),
        "same": same_row(table.name, "before", table),
        "same_key": sql.SQL(SAME_KEY.format(a=table.name, b="before")),
        "of_table": names(table.column_names, table.name),
    }
    conn.execute(
        sql.SQL(
            """
            create temporary table before on commit drop as
            select distinct on (h.shop_id, h.line_id) h.*, {money} as money
            from (
                select * from {table} where load_id in ({earlier}) and {own}
                union all
                select * from {twin} where load_id in ({earlier}) and {own}
            ) as h
            inner join ops.load as l on l.load_id = h.load_id
            where (h.shop_id, h.line_id) in (
                select shop_id, line_id from {table} where load_id = {load_id} and {own}
            )
            order by h.shop_id, h.line_id, l.line_order desc
            """
        ).format(**parts)
    )
    conn.execute("analyze before")
    found = moved(
        conn,
        sql.SQL(
            """
            with moved as (
                delete from {table} using before
                where {name}.load_id = {load_id} and {own_qualified} and {same_key} and {same}
                returning {of_table}
            ), noted as (
                insert into set_aside (source_line) select source_line from moved
            ), put as (
                insert into {twin} ({columns}) select {columns} from moved
                returning {money} as money
            )
            select count(*), coalesce(sum(money), 0) from put
            """
        ).format(**parts, own_qualified=sql.SQL(table.own_rows_of(table.name))),
    )
    replaced = moved(
        conn,
        sql.SQL(
            """
            select count(*), coalesce(sum(before.money), 0)
            from before inner join {table} on {same_key}
            where {name}.load_id = {load_id} and {own_qualified}
            """
        ).format(**parts, own_qualified=sql.SQL(table.own_rows_of(table.name))),
    )
    return move_companions(conn, table, found, companions, load_id), replaced
