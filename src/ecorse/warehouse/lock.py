"""One writer per scope: an advisory lock, and a fencing token that every commit carries.

What belongs here: who may write. What does not: what is written. The lock keeps two runs apart;
the token refuses the commit of a run that was given up on but still runs. Source of the idea:
https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from ecorse.errors import Fenced, StoreBusy
from ecorse.warehouse.connect import connect

log = logging.getLogger(__name__)
OPEN_LOCK = 6032002  # held while a build is opened, and while rows are pruned
TAKE_OVER_TIMEOUT = "10s"


@dataclass(frozen=True)
class Fence:
    """The right to write in a scope, until someone takes it over."""

    scope: str
    token: int

    def check(self, cursor: psycopg.Cursor) -> None:
        """Refuse the caller's transaction unless this is still the latest writer of the scope.

        Called last in the transaction: the row lock it takes keeps a take-over waiting until
        the transaction has ended.

        Raises
        ------
        Fenced
            A later writer took the scope over.
        """
        cursor.execute("select token from ops.writer where scope = %s for update", (self.scope,))
        row = cursor.fetchone()
        if row is None or row[0] != self.token:
            raise Fenced(
                f"This run lost the right to write {self.scope!r} to a later run; nothing of it "
                "was committed. Nothing needs to be done: the later run does the work."
            )


@contextmanager
def writer(scope: str, holder: str) -> Iterator[Fence]:
    """Hold the writing right of ``scope`` for the length of the block.

    ``holder`` names the run (the same for every retry of one task): a retry takes over from its
    own earlier try at once; another holder is refused.

    Raises
    ------
    StoreBusy
        Another run holds the scope.
    """
    with connect(autocommit=True, application_name=f"ecorse lock {scope}") as conn:
        if not _try_lock(conn, scope):
            _take_over_own(conn, scope, holder)
        row = conn.execute(
            """
            insert into ops.writer (scope, token, holder, backend_pid)
            values (%s, 1, %s, pg_backend_pid())
            on conflict (scope) do update set
                token = ops.writer.token + 1,
                holder = excluded.holder,
                backend_pid = excluded.backend_pid,
                since = clock_timestamp()
            returning token
            """,
            (scope, holder),
        ).fetchone()
        assert row is not None
        yield Fence(scope, row[0])


def _try_lock(conn: psycopg.Connection, scope: str) -> bool:
    row = conn.execute(
        "select pg_try_advisory_lock(hashtextextended(%s, 6032))", (scope,)
    ).fetchone()
    return bool(row and row[0])


def _take_over_own(conn: psycopg.Connection, scope: str, holder: str) -> None:
    """Wait for the lock if an earlier try of the same run holds it; refuse otherwise."""
    row = conn.execute(
        "select holder, backend_pid, since from ops.writer where scope = %s", (scope,)
    ).fetchone()
    if row is None or row[0] != holder:
        other, since = (
            (row[0], f"{row[2]:%Y-%m-%d %H:%M:%S} UTC") if row else ("another run", "now")
        )
        raise StoreBusy(
            f"{scope!r} is already being written by {other} since {since}. "
            "Wait until it has finished, or stop it; then run this again."
        )
    log.warning("taking %s over from an earlier try of %s", scope, holder)
    conn.execute(
        "update ops.writer set token = token + 1, since = clock_timestamp() where scope = %s",
        (scope,),
    )
    conn.execute("select pg_terminate_backend(%s)", (row[1],))
    conn.execute(f"set lock_timeout = '{TAKE_OVER_TIMEOUT}'")
    try:
        conn.execute("select pg_advisory_lock(hashtextextended(%s, 6032))", (scope,))
    except psycopg.errors.LockNotAvailable:
        raise StoreBusy(f"An earlier try still holds {scope!r} and does not let go.") from None
    conn.execute("set lock_timeout = 0")
