"""What a person does to loads later: withdrawing one, and pruning the rows of superseded ones.

What belongs here: the functions of ``ecorse withdraw`` and ``ecorse prune``. What does
not: loading (``ledger``), clearing builds (``refresh.partitions``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg import sql

from ecorse.errors import TerminalError
from ecorse.ingest.archive import archived_path
from ecorse.schema.staging import STAGING_TABLES
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect
from ecorse.warehouse.journal import journal
from ecorse.warehouse.lock import OPEN_LOCK, writer


class Pruned(NamedTuple):
    """How many loads were pruned, how many of their rows, and of rows repeated elsewhere."""

    loads: int
    rows: int
    repeated_rows: int


class _Load(NamedTuple):
    shop_id: str
    source: str
    file_name: str
    sha256: str
    superseded_at: datetime | None
    superseded_by: int | None
    withdrawn_reason: str | None


def withdraw(load_id: int, reason: str, *, holder: str) -> str:
    """Make a load stop counting, with nothing in its place; gives a sentence for a person.

    Later builds are made without it, and its content is not loaded again. Builds that exist stay
    as they are.

    Raises
    ------
    TerminalError
        There is no such load, it does not count any more, or no reason was given.
    StoreBusy
        Its shop and source are being loaded.
    """
    if not reason.strip():
        raise TerminalError(
            f"Load {load_id} was not withdrawn: say why, as in --reason 'a test file'."
        )
    params = {"load_id": load_id, "reason": reason.strip()}
    with journal("withdraw", holder, params), _holding(load_id, holder) as (conn, load):
        if load.superseded_at is not None:
            raise TerminalError(
                f"Load {load_id} ({load.file_name}) does not count since "
                f"{load.superseded_at:%Y-%m-%d %H:%M:%S} UTC: {_why(load)}. Nothing was changed."
            )
        conn.execute(
            "update ops.load set superseded_at = clock_timestamp(), withdrawn_reason = %s "
            "where load_id = %s",
            (reason.strip(), load_id),
        )
    return (
        f"Withdrew load {load_id} ({load.file_name}); the next refresh is made without it. Its "
        "content is not loaded again."
    )


def undo_withdrawal(load_id: int, *, holder: str) -> str:
    """Let a withdrawn content be loaded again; gives a sentence for a person.

    The load itself does not count again: lines that came in other files meanwhile were not
    compared with it, and what was known at some time does not change. The next ingest loads the
    file anew.

    Raises
    ------
    TerminalError
        There is no such load, or it is not withdrawn.
    StoreBusy
        Its shop and source are being loaded.
    """
    params = {"load_id": load_id, "undo": True}
    with journal("withdraw", holder, params), _holding(load_id, holder) as (conn, load):
        if load.withdrawn_reason is None or load.superseded_by is not None:
            raise TerminalError(
                f"Load {load_id} ({load.file_name}) is not withdrawn: {_why(load)}. "
                "Nothing was changed."
            )
        conn.execute("update ops.load set withdrawn_reason = null where load_id = %s", (load_id,))
    return (
        f"Load {load_id} is no longer withdrawn: the next ingest that finds {load.file_name} loads "
        f"it anew. A copy is {archived_path(get_settings().home, load.sha256)}."
    )


def _why(load: _Load) -> str:
    if load.superseded_by is not None:
        return f"load {load.superseded_by} took its place"
    if load.withdrawn_reason is not None:
        return f"it was withdrawn ({load.withdrawn_reason})"
    return "it counts" if load.superseded_at is None else "its withdrawal was undone"


@contextmanager
def _holding(load_id: int, holder: str) -> Iterator[tuple[psycopg.Connection, _Load]]:
    """A load, while nobody else writes in its shop and source; the block is one transaction."""
    with connect(application_name="ecorse withdraw") as conn:
        load = _find(conn, load_id)
    with (
        writer(f"ingest:{load.shop_id}:{load.source}", holder) as fence,
        connect(application_name="ecorse withdraw") as conn,
    ):
        yield conn, _find(conn, load_id)
        with conn.cursor() as cursor:
            fence.check(cursor)


def _find(conn: psycopg.Connection, load_id: int) -> _Load:
    row = conn.execute(
        """
        select shop_id, source, file_name, sha256, superseded_at, superseded_by, withdrawn_reason
        from ops.load where load_id = %s
        """,
        (load_id,),
    ).fetchone()
    if row is None:
        raise TerminalError(
            f"There is no load {load_id}. `ecorse status --json` lists those that count."
        )
    return _Load(*row)


def prune(days: int, *, holder: str) -> Pruned:
    """Delete the staged rows of loads superseded more than ``days`` days ago; gives how many.

    Rows that a build still names stay, and so do the ledger, its rejects and reports. A build
    that is being opened waits, so that none can name rows that are about to go.
    """
    tables = [table.name for table in STAGING_TABLES.values()]
    twins = [table.twin for table in STAGING_TABLES.values()]
    with journal("prune", holder, {"days": days}) as journaled:
        with connect(application_name="ecorse prune") as conn:
            conn.execute("select pg_advisory_xact_lock(%s)", (OPEN_LOCK,))
            loads = [
                load_id
                for (load_id,) in conn.execute(
                    """
                    update ops.load set pruned_at = clock_timestamp()
                    where pruned_at is null
                        and superseded_at < clock_timestamp() - make_interval(days => %s)
                        and not exists (
                            select from ops.build_load as named
                            where named.load_id = load.load_id
                        )
                    returning load_id
                    """,
                    (days,),
                )
            ]
            rows, repeated = (
                sum(_delete_loads(conn, name, loads) for name in names) for names in (tables, twins)
            )
            conn.execute("delete from ops.left_out_line where load_id = any(%s)", (loads,))
        with connect(autocommit=True, application_name="ecorse prune") as conn:
            for name in (*tables, *twins):
                conn.execute(sql.SQL("vacuum {}").format(sql.Identifier("staging", name)))
        pruned = Pruned(len(loads), rows, repeated)
        journaled |= pruned._asdict()
    return pruned


def _delete_loads(conn: psycopg.Connection, table: str, loads: list[int]) -> int:
    statement = sql.SQL("delete from {} where load_id = any(%s)")
    return conn.execute(statement.format(sql.Identifier("staging", table)), (loads,)).rowcount
