"""The ledger of loads: what is loaded, and the account of every row.

What belongs here: every statement of a load on ``ops.load``, ``ops.reject``, ``ops.load_report``,
``ops.load_attempt`` and ``ops.refused_file``. What does not: reading files (``load``),
telling which rows are there already (``repeated``), what a person does to loads later
(``upkeep``). All but ``resolve_gone`` runs in the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import psycopg
from psycopg import sql

from ecorse.clean.rates import RULE as NO_RATE
from ecorse.schema.staging import STAGING_TABLES
from ecorse.warehouse.connect import connect


class Terms(NamedTuple):
    """The terms under which a content is read; under other terms it is loaded again."""

    contract_sha256: str
    time_zone: str
    currency: str


class KnownLoad(NamedTuple):
    """A load that counts, or one that was withdrawn and whose content is kept out since."""

    load_id: int
    file_name: str
    sha256: str
    withdrawn_reason: str | None
    line_order: int | None
    lacks_rates: bool
    terms: Terms

    @property
    def is_kept_out(self) -> bool:
        """Whether it was withdrawn, so that its content is not loaded again."""
        return self.withdrawn_reason is not None


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
    rows_by_table: Mapping[str, int]
    lines_added: int
    money_staged: Decimal
    money: Mapping[str, Decimal]
    counts: Mapping[str, Mapping[str, int]]
    warnings: Sequence[str]
    contract_sha256: str
    time_zone: str
    currency: str
    first_row_at: datetime | None
    last_row_at: datetime | None
    line_order: int | None
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
        select load_id, file_name, sha256, withdrawn_reason, line_order,
            counts -> 'rejected' ? %(rule)s, contract_sha256, time_zone, currency
        from ops.load
        where shop_id = %(shop)s and source = %(source)s and (
            (superseded_at is null and (file_name = %(file)s or sha256 = %(sha256)s))
            or (withdrawn_reason is not null and superseded_by is null and sha256 = %(sha256)s)
        )
        order by load_id
        """,
        {
            "shop": shop_id, "source": source, "file": file_name, "sha256": sha256,
            "rule": NO_RATE,
        },
    ).fetchall()  # fmt: skip
    return [
        KnownLoad(load_id, name, content, reason, line_order, bool(lacks_rates), Terms(*terms))
        for load_id, name, content, reason, line_order, lacks_rates, *terms in rows
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
    statement = sql.SQL(
        """
        delete from {} where load_id = %(load)s
            and not exists (select from ops.load where load_id = %(load)s)
        """
    )
    deleted = sum(
        conn.execute(statement.format(sql.Identifier(*table.relation)), {"load": load_id}).rowcount
        for table in STAGING_TABLES.values()
    )
    conn.execute("delete from ops.load_attempt where load_id = %s", (load_id,))
    return deleted


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
        "rows_by_table": json.dumps(load.rows_by_table, sort_keys=True),
        "counts": json.dumps(load.counts, sort_keys=True),
        "money": _exact_json(load.money),
        "warnings": json.dumps(load.warnings, ensure_ascii=False),
    }
    conn.execute(
        sql.SQL("insert into ops.load ({}) overriding system value values ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Placeholder, values)),
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


def _exact_json(amounts: Mapping[str, Decimal]) -> str:
    """A JSON object of numbers with every decimal that they have."""
    return "{" + ", ".join(f"{json.dumps(name)}: {amounts[name]:f}" for name in amounts) + "}"


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
    """Close earlier refusals of a file that has now been loaded, and of the archive it is in."""
    conn.execute(
        """
        update ops.refused_file set resolved_at = clock_timestamp()
        where shop_id = %s and source = %s and resolved_at is null
            and (file_name = %s or starts_with(%s, file_name || '/'))
        """,
        (shop_id, source, file_name, file_name),
    )


def resolve_gone(shop_id: str, source: str, present: Collection[str]) -> None:
    """Close refusals of files that are not there any more, in a transaction of its own."""
    with connect(application_name="ecorse refusal") as conn:
        conn.execute(
            """
            update ops.refused_file set resolved_at = clock_timestamp()
            where shop_id = %s and source = %s and resolved_at is null
                and not file_name = any(%s)
            """,
            (shop_id, source, list(present)),
        )
