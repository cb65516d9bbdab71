"""Rows with a key of their own (``line_key``): what a later row of the key means.

What belongs here: deciding about such rows within a load and between loads, where they are. What
does not: rows that are known by all they declare (``repeated``); the order of loads
(``places``); which of several loads' rows a build counts (``refresh.relations``). Everything runs
in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

import psycopg
from psycopg import sql

from ecorse.clean.account import KEY_TWICE, key_sentence
from ecorse.ingest.comparing import Moved, moved, names, same_row
from ecorse.ingest.elsewhere import move_companions
from ecorse.ingest.repeated import stage_companions
from ecorse.ingest.work_tables import candidates_of
from ecorse.schema.table import StagingTable

SAME_KEY = "{a}.line_id = {b}.line_id and {a}.shop_id = {b}.shop_id"


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
