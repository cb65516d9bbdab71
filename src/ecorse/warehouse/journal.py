"""The journal of runs: who started what, and how it ended.

What belongs here: rows of ``ops.run``. What does not: locks (``writer``, ``builds``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from ecorse.errors import StoreBusy
from ecorse.provenance import __version__, git_sha
from ecorse.show import escaped
from ecorse.warehouse.connect import connect


def start_run(conn: psycopg.Connection, kind: str, holder: str, params: Mapping[str, Any]) -> int:
    """Write down that a run began; runs that ended without a word are closed.

    Parameters
    ----------
    conn
        A connection that lasts as long as the run: it holds a lock that tells that it lives.
    """
    with conn.transaction():
        _close_killed(conn)
        row = conn.execute(
            """
            insert into ops.run (kind, holder, params, ecorse_version, git_sha)
            values (%s, %s, %s, %s, %s) returning run_id
            """,
            (kind, holder, _json(params), __version__, git_sha()),
        ).fetchone()
        assert row is not None
        run_id: int = row[0]
        conn.execute("select pg_advisory_lock(hashtextextended(%s, 6032))", (_lock_key(run_id),))
    return run_id


def _close_killed(conn: psycopg.Connection) -> None:
    """Close runs whose process was killed: nobody holds their lock any more."""
    running = conn.execute("select run_id from ops.run where status = 'running'").fetchall()
    for (run_id,) in running:
        free = conn.execute(
            "select pg_try_advisory_xact_lock(hashtextextended(%s, 6032))", (_lock_key(run_id),)
        ).fetchone()
        if free == (True,):
            conn.execute(
                """
                update ops.run set status = 'failed', finished_at = clock_timestamp(),
                    error = 'did not finish: its process was killed'
                where run_id = %s and status = 'running'
                """,
                (run_id,),
            )


def _lock_key(run_id: int) -> str:
    return f"run:{run_id}"


def _json(values: Mapping[str, Any]) -> str:
    """JSON that Postgres takes: bytes of a name that are no UTF-8 are spelled out."""
    return json.dumps(values, default=str, ensure_ascii=False).encode("utf-8", "replace").decode()


def finish_run(
    run_id: int, status: str, *, error: str | None = None, summary: Mapping[str, Any] | None = None
) -> None:
    """Write down how a run ended."""
    with connect(application_name="ecorse journal") as conn:
        conn.execute(
            """
            update ops.run set status = %s, error = %s, summary = %s,
                finished_at = clock_timestamp()
            where run_id = %s
            """,
            (status, error and escaped(error, keep="\n"), _json(summary or {}), run_id),
        )


@contextmanager
def journal(kind: str, holder: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Journal the block as one run; it fills the summary it is given."""
    with connect(autocommit=True, application_name=f"ecorse run {kind}") as keeper:
        run_id = start_run(keeper, kind, holder, params)
        summary: dict[str, Any] = {"run_id": run_id}
        try:
            yield summary
        except BaseException as error:
            told = f"{type(error).__name__}: {error}"
            with suppress(StoreBusy):  # with the database away the error itself tells
                finish_run(run_id, "failed", error=told, summary=summary)
            raise
        finish_run(run_id, "succeeded", summary=summary)
