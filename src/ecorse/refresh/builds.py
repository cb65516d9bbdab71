"""The life of a build: opened, filled step by step, failed or finished; never half visible.

What belongs here: leases, steps and their fencing. What does not: what a step writes
(``tables``), auditing (``audit``) and publishing (``publish``).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from ecorse.errors import Fenced, StoreBusy, TerminalError
from ecorse.provenance import __version__, git_sha
from ecorse.refresh.relations import qualified
from ecorse.schema.staging import STAGING_TABLES
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect, explain
from ecorse.warehouse.lock import OPEN_LOCK

log = logging.getLogger(__name__)
AIRFLOW = "airflow:"


def lock_key(build_id: int) -> str:
    """Text whose hash is the advisory lock that every living step of a build shares."""
    return f"build:{build_id}"


def open_build(*, as_of: datetime | None, known_by: datetime | None, holder: str) -> int:
    """Start a build at today's watermark and give its id.

    A build that another live refresh is filling is left alone; a dead one is put aside.

    Raises
    ------
    StoreBusy
        Another refresh is at work.
    """
    with connect(application_name="ecorse open_build") as conn:
        conn.execute("select pg_advisory_xact_lock(%s)", (OPEN_LOCK,))
        for row in conn.execute(
            """
            select build_id, holder, started_at,
                heartbeat_at > clock_timestamp() - make_interval(secs => %s) as has_lease
            from ops.build where status = 'building' order by build_id
            """,
            (get_settings().lease_seconds,),
        ).fetchall():
            _put_aside(conn, holder, *row)
        inserted = conn.execute(
            """
            insert into ops.build (as_of, known_by, holder, ecorse_version, git_sha)
            values (%s, %s, %s, %s, %s) returning build_id
            """,
            (as_of, known_by, holder, __version__, git_sha()),
        ).fetchone()
        assert inserted is not None
        build_id: int = inserted[0]
        conn.execute(
            """
            insert into ops.build_load (build_id, load_id)
            select %(build)s, load_id from ops.load
            where (%(known_by)s::timestamptz is null and superseded_at is null)
                or (known_at <= %(known_by)s::timestamptz
                    and (superseded_at is null or superseded_at > %(known_by)s::timestamptz))
            """,
            {"build": build_id, "known_by": known_by},
        )
        # The planner knows nothing of rows that were just copied, and would loop over them.
        staged = (f"staging.{name}" for name in STAGING_TABLES)
        for table in ("ops.load", "ops.build_load", *staged):
            conn.execute(f"analyze {table}")
    return build_id


def _put_aside(
    conn: psycopg.Connection,
    holder: str,
    build_id: int,
    other: str,
    started_at: datetime,
    has_lease: bool,
) -> None:
    """Mark a dead or own earlier build as orphaned, or raise if it is alive."""
    free = conn.execute(
        "select pg_try_advisory_xact_lock(hashtextextended(%s, 6032))", (lock_key(build_id),)
    ).fetchone()
    # Airflow lets one refresh run at a time, so a build of an earlier Airflow run is dead;
    # between two tasks a living Airflow run holds no lock, only its lease.
    same_kind = other == holder or (other.startswith(AIRFLOW) and holder.startswith(AIRFLOW))
    in_airflow_gap = other.startswith(AIRFLOW) and has_lease
    is_alive = not (free and free[0]) or in_airflow_gap
    if is_alive and not same_kind:
        raise StoreBusy(
            f"A refresh is already running: build {build_id} by {other}, started "
            f"{started_at:%Y-%m-%d %H:%M:%S} UTC. Wait until it has finished; "
            "`ecorse status` shows it."
        )
    log.warning("build %s of %s was left unfinished; putting it aside", build_id, other)
    finish_build(conn, build_id, "orphaned", "left unfinished; a later refresh took over")


def finish_build(conn: psycopg.Connection, build_id: int, status: str, error: str | None) -> bool:
    """Close an unfinished build with a status; gives whether it was unfinished."""
    cursor = conn.execute(
        """
        update ops.build set status = %s, error = %s, finished_at = clock_timestamp()
        where build_id = %s and status in ('building', 'audited')
        """,
        (status, error, build_id),
    )
    return cursor.rowcount == 1


def fail_build(build_id: int, error: str) -> None:
    """Mark a build as failed and drop what it made; the published build stays.

    A build that its audit refused stays as it is, to be looked into until the next night.
    """
    with connect(application_name="ecorse fail_build") as conn:
        was_open = finish_build(conn, build_id, "failed", error[:4000])
    if was_open:
        drop_relations(build_id)


def drop_relations(build_id: int) -> int:
    """Drop the stand-alone relations of a build that is not attached; gives how many."""
    with connect(application_name="ecorse drop_relations") as conn:
        relations = conn.execute(
            """
            select c.relname, c.relkind from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = 'builds' and c.relname like '%%$' || %s::text
                and not c.relispartition and c.relkind in ('r', 'v')
            order by c.relkind desc, c.relname
            """,
            (build_id,),
        ).fetchall()
        for name, kind in relations:
            noun = "view" if kind == "v" else "table"
            relation = qualified(name.rsplit("$", 1)[0], build_id)
            conn.execute(f"drop {noun} if exists {relation} cascade")
    return len(relations)


@dataclass
class RunningStep:
    """One running step of a build: its connection, and what it will report."""

    conn: psycopg.Connection
    build_id: int
    name: str
    token: int
    rows: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def check(self, conn: psycopg.Connection | None = None) -> None:
        """Refuse a transaction, the step's own or another's, if the step was taken over.

        Raises
        ------
        Fenced
            The build is no longer being built, or a later try of this step has begun.
        """
        row = (
            (conn or self.conn)
            .execute(
                """
            select s.token from ops.build_step as s join ops.build as b using (build_id)
            where s.build_id = %s and s.step = %s and b.status = 'building'
            for update of s for share of b
            """,
                (self.build_id, self.name),
            )
            .fetchone()
        )
        if row is None or row[0] != self.token:
            raise Fenced(
                f"Step {self.name!r} of build {self.build_id} was taken over or its build ended; "
                "nothing of this try was committed. Nothing needs to be done."
            )


@contextmanager
def step(build_id: int, name: str) -> Iterator[RunningStep]:
    """Run one step of a build: everything in the block is one transaction, fenced at its end.

    Raises
    ------
    Fenced
        The build ended or the step was taken over; nothing was committed.
    """
    with connect(application_name=f"ecorse build {build_id} {name}") as conn:
        token = _begin(conn, build_id, name)
        current = RunningStep(conn, build_id, name, token)
        try:
            yield current
            current.check()
            conn.execute(
                """
                update ops.build_step set status = 'succeeded', finished_at = clock_timestamp(),
                    rows = %s, detail = %s
                where build_id = %s and step = %s
                """,
                (current.rows, json.dumps(current.detail), build_id, name),
            )
            conn.commit()
        except BaseException as error:
            _mark_failed(conn, build_id, name, token)
            if isinstance(error, psycopg.errors.DiskFull):
                raise explain(error) from None
            raise


def _begin(conn: psycopg.Connection, build_id: int, name: str) -> int:
    conn.execute(
        "select pg_advisory_lock_shared(hashtextextended(%s, 6032))", (lock_key(build_id),)
    )
    alive = conn.execute(
        """
        update ops.build set heartbeat_at = clock_timestamp()
        where build_id = %s and status = 'building' returning build_id
        """,
        (build_id,),
    ).fetchone()
    if alive is None:
        raise Fenced(
            f"Build {build_id} is not being built any more (finished, failed, or taken over by a "
            "later refresh). Start a new refresh."
        )
    row = conn.execute(
        """
        insert into ops.build_step (build_id, step, token, status) values (%s, %s, 1, 'running')
        on conflict (build_id, step) do update set token = ops.build_step.token + 1,
            status = 'running', started_at = clock_timestamp(), finished_at = null, rows = null
        returning token
        """,
        (build_id, name),
    ).fetchone()
    conn.commit()
    assert row is not None
    token: int = row[0]
    return token


def _mark_failed(conn: psycopg.Connection, build_id: int, name: str, token: int) -> None:
    if conn.closed:
        return
    conn.rollback()
    conn.execute(
        """
        update ops.build_step set status = 'failed', finished_at = clock_timestamp()
        where build_id = %s and step = %s and token = %s
        """,
        (build_id, name, token),
    )
    conn.commit()


def build_status(conn: psycopg.Connection, build_id: int) -> str:
    """The status of a build.

    Raises
    ------
    TerminalError
        There is no such build.
    """
    row = conn.execute("select status from ops.build where build_id = %s", (build_id,)).fetchone()
    if row is None:
        raise TerminalError(f"There is no build {build_id}. `ecorse status` lists the builds.")
    status: str = row[0]
    return status


def as_json(value: Mapping[str, Any]) -> str:
    """JSON text of a mapping, with dates and decimals as text."""
    return json.dumps(value, default=str, sort_keys=True)
