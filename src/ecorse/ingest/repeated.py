"""Rows that repeat an earlier one of their own file.

What belongs here: deciding about candidates by comparing rows where they are. What does not: rows
of other loads (``elsewhere``), and suspecting a row while it is read (``clean.duplicates``).
Everything runs in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import psycopg
from psycopg import sql

from ecorse.clean.account import LINES_ADDED, REPEATED, Differing
from ecorse.ingest.comparing import Moved, moved, names, same_row
from ecorse.ingest.work_tables import (
    candidates_of,
)
from ecorse.schema.staging import STAGING_TABLES
from ecorse.schema.table import StagingTable


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
                where not exists (
                    select from staged where staged.source_line = candidate.source_line
                )
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
                where not exists (
                    select from staged where staged.source_line = candidate.source_line
                )
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
