"""Rows with a key of their own (``line_key``) that a load has more than once.

What belongs here: deciding about such rows within a load, where they are. What does not: what they
mean for earlier loads (``replacing``), rows that are known by all they declare (``repeated``).
Everything runs in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import psycopg
from psycopg import sql

from ecorse.clean.account import KEY_TWICE, key_sentence
from ecorse.ingest.comparing import Moved, moved, names, same_row
from ecorse.ingest.repeated import stage_companions
from ecorse.ingest.work_tables import candidates_of
from ecorse.schema.table import StagingTable

SAME_KEY = "{a}.line_id = {b}.line_id and {a}.shop_id = {b}.shop_id"


def create_work_tables(conn: psycopg.Connection) -> None:
    """Temporary tables: the text of candidates that may be rejected, and keys that are left out."""
    conn.execute(
        "create temporary table candidate_text (source_line bigint, raw text) on commit drop"
    )
    conn.execute("create temporary table left_out_key (shop_id text, line_id text) on commit drop")


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
