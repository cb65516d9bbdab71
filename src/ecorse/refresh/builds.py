"""The life of a build: opened, then finished, failed or put aside; never half visible.

What belongs here: who may make a build, and how it ends. What does not: its steps (``steps``),
auditing (``audit``) and publishing (``publish``).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg

from ecorse.errors import AlreadyRunning, TerminalError
from ecorse.provenance import __version__, git_sha
from ecorse.refresh.accept import NOTHING, Accepted
from ecorse.refresh.held import hold_back
from ecorse.refresh.relations import qualified
from ecorse.schema.staging import STAGING_TABLES
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import OPEN_LOCK

log = logging.getLogger(__name__)
AIRFLOW = "airflow:"
WAIT_SECONDS = 1.0


def lock_key(build_id: int) -> str:
    """Text whose hash is the advisory lock that every living step of a build shares."""
    return f"build:{build_id}"


@contextmanager
def opened(
    *,
    as_of: datetime | None,
    known_by: datetime | None,
    holder: str,
    accepted: Accepted = NOTHING,
    publish: bool | None = None,
    wait: Callable[[str], None] | None = None,
) -> Iterator[int]:
    """Start a build at today's watermark, and say until the block ends that it lives.

    A build that another living refresh is filling is left alone; a dead one is put aside.

    Parameters
    ----------
    accepted
        Shops that may have lost rows since the published build (``held``), and models whose jump is
        let through.
    publish
        Whether the build is to be published once it is audited; None where that is not known. One
        that was to be, and was overtaken, is cleared; others are kept to be looked into.
    wait
        Wait while another refresh is at work, after telling this function so; else leave.

    Yields
    ------
    int
        The new build's id.

    Raises
    ------
    AlreadyRunning
        Another refresh is at work.
    """
    with connect(autocommit=True, application_name="ecorse open_build") as conn:
        build_id, is_told = None, False
        while build_id is None:
            try:
                build_id = _open(conn, as_of, known_by, holder, accepted, publish)
            except AlreadyRunning as error:
                if wait is None:
                    raise
                if not is_told:
                    wait(f"Waiting: {error}")
                is_told = True
                time.sleep(WAIT_SECONDS)
        yield build_id


def _open(
    conn: psycopg.Connection,
    as_of: datetime | None,
    known_by: datetime | None,
    holder: str,
    accepted: Accepted,
    publish: bool | None,
) -> int:
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", (OPEN_LOCK,))
        _put_dead_ones_aside(conn, holder)
        build_id = _insert(conn, as_of, known_by, holder, accepted, publish)
        if as_of is None and known_by is None:  # a night of the past has other rows, of course
            hold_back(conn, build_id, accepted.shops)
        keep_alive(conn, build_id)  # before anybody can see the build
    return build_id


def keep_alive(conn: psycopg.Connection, build_id: int) -> None:
    """Hold a build's lock until the connection ends: as long, no other refresh begins."""
    conn.execute(
        "select pg_advisory_lock_shared(hashtextextended(%s, 6032))", (lock_key(build_id),)
    )


def _insert(
    conn: psycopg.Connection,
    as_of: datetime | None,
    known_by: datetime | None,
    holder: str,
    accepted: Accepted,
    publish: bool | None,
) -> int:
    inserted = conn.execute(
        """
        insert into ops.build
            (as_of, known_by, holder, accepted, is_to_be_published, ecorse_version, git_sha)
        values (%s, %s, %s, %s, %s, %s, %s) returning build_id
        """,
        (as_of, known_by, holder, list(accepted.texts), publish, __version__, git_sha()),
    ).fetchone()
    assert inserted is not None
    build_id: int = inserted[0]
    conn.execute(
        """
        insert into ops.build_load (build_id, load_id, line_order)
        select %(build)s, load_id, line_order from ops.load
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


def _put_dead_ones_aside(conn: psycopg.Connection, holder: str) -> None:
    """Mark builds that nobody makes any more as orphaned.

    A process that is at work on a build holds its lock, until it is published. Between two tasks a
    run of Airflow holds none, only its lease; but Airflow lets one refresh run at a time, so that
    for the next run of Airflow a free lock tells enough. An audited build that nobody holds waits
    for `ecorse publish`, and stays.

    Raises
    ------
    AlreadyRunning
        One is alive.
    """
    is_airflow = holder.startswith(AIRFLOW)
    for build_id, status, other, started_at, has_lease in conn.execute(
        """
        select build_id, status, holder, started_at,
            heartbeat_at > clock_timestamp() - make_interval(secs => %s) as has_lease
        from ops.build where status in ('building', 'audited') order by build_id
        """,
        (get_settings().lease_seconds,),
    ).fetchall():
        is_between_tasks = other.startswith(AIRFLOW) and has_lease and not is_airflow
        # an earlier try of the same task of Airflow is fenced out; a process has no earlier try
        is_own = other == holder and is_airflow
        if (not _is_free(conn, build_id) or is_between_tasks) and not is_own:
            raise AlreadyRunning(
                f"A refresh is already running since {started_at:%Y-%m-%d %H:%M:%S} UTC, by "
                f"{other}: build {build_id}. Nothing was begun. Start again when it has ended "
                "(`ecorse refresh --wait` does); `ecorse status` shows it."
            )
        if status == "building":
            log.warning("build %s of %s was left unfinished; putting it aside", build_id, other)
            finish_build(conn, build_id, "orphaned", "left unfinished; a later refresh took over")


def _is_free(conn: psycopg.Connection, build_id: int) -> bool:
    """Whether no process is at work on a build; if so, none begins before the transaction ends."""
    row = conn.execute(
        "select pg_try_advisory_xact_lock(hashtextextended(%s, 6032))", (lock_key(build_id),)
    ).fetchone()
    return bool(row and row[0])


def seconds_of_last_night() -> dict[str, float]:
    """What each step of the published build took; empty if there is none."""
    with connect(application_name="ecorse builds") as conn:
        return dict(
            conn.execute(
                "select s.step, extract(epoch from s.finished_at - s.started_at)::float8 "
                "from ops.build_step as s inner join ops.current_build as c "
                "on c.build_id = s.build_id where s.finished_at is not null"
            ).fetchall()
        )


def is_due(made_from: Mapping[str, str]) -> bool:
    """Whether a night would be made of other loads or declarations than the published one.

    Parameters
    ----------
    made_from
        What tells each step's declaration (``Catalog.made_from``).
    """
    with connect(application_name="ecorse is_due") as conn:
        row = conn.execute(
            """
            with published as (
                select b.build_id from ops.current_build as c
                join ops.build as b on b.build_id = c.build_id
                where b.as_of is null and b.known_by is null
            ),
            live as (select load_id from ops.load where superseded_at is null),
            held as (select load_id from ops.loads_seen)
            select (select build_id from published),
                exists (select load_id from live except select load_id from held)
                or exists (select load_id from held except select load_id from live)
            """
        ).fetchone()
        assert row is not None
        build_id, has_other_loads = row
        if build_id is None or has_other_loads:
            return bool(has_other_loads)
        steps = conn.execute(
            "select step, coalesce(detail ->> 'made_from', '') from ops.build_step "
            "where build_id = %s and step <> 'audit'",
            (build_id,),
        ).fetchall()
    return dict(steps) != dict(made_from)


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


def fail_build(
    build_id: int, error: str, *, keep: bool = False, unless_at_work: bool = False
) -> None:
    """Mark a build as failed; the published build stays.

    What it made is dropped, unless it is to be kept so that ``revive`` can go on with it until the
    next build is opened. A build that its audit refused stays as it is, to be looked into.
    ``unless_at_work``: one that a process is at work on is left alone.
    """
    with connect(application_name="ecorse fail_build") as conn:
        if unless_at_work and not _is_free(conn, build_id):
            log.info("build %s is being made: it is not marked failed", build_id)
            return
        was_open = finish_build(conn, build_id, "failed", error[:4000])
    if was_open and not keep:
        _drop_unless_used(build_id)


def building_of(holder: str) -> int | None:
    """The unfinished build of a holder, if there is one."""
    with connect(application_name="ecorse builds") as conn:
        row = conn.execute(
            "select max(build_id) from ops.build where holder = %s and status = 'building'",
            (holder,),
        ).fetchone()
    return row[0] if row else None


def failed_steps(build_id: int) -> str:
    """The steps of a build that failed, each with its error; empty where none did."""
    with connect(application_name="ecorse builds") as conn:
        row = conn.execute(
            """
            select string_agg(step || ': ' || coalesce(detail ->> 'error', 'failed'), ' | '
                order by finished_at)
            from ops.build_step where build_id = %s and status = 'failed'
            """,
            (build_id,),
        ).fetchone()
    return (row and row[0]) or ""


def revive(build_id: int) -> bool:
    """Go on with a failed build, if no other was opened since; gives whether it was failed."""
    with connect(application_name="ecorse revive") as conn:
        conn.execute("select pg_advisory_xact_lock(%s)", (OPEN_LOCK,))
        row = conn.execute(
            """
            update ops.build set status = 'building', error = null, finished_at = null,
                heartbeat_at = clock_timestamp()
            where build_id = %s and status = 'failed'
                and build_id = (select max(b.build_id) from ops.build as b)
            returning build_id
            """,
            (build_id,),
        ).fetchone()
    return row is not None


def drop_failed() -> None:
    """Drop what failed or dead builds made, so that failing nights do not pile up on the disk.

    One that somebody still reads is left for ``partitions.clear_old_builds``.
    """
    with connect(application_name="ecorse drop_failed") as conn:
        found = conn.execute(
            "select build_id from ops.build where status in ('failed', 'orphaned')"
        ).fetchall()
    for (build_id,) in found:
        _drop_unless_used(build_id)


def _drop_unless_used(build_id: int) -> None:
    try:
        drop_relations(build_id)
    except psycopg.errors.LockNotAvailable:
        log.info("build %s is still being used; it is cleared another night", build_id)


def cancel_steps(build_id: int) -> None:
    """End the statements of a build's steps that are running; what they began is undone."""
    with connect(application_name="ecorse cancel") as conn:
        conn.execute(
            "select pg_cancel_backend(pid) from pg_stat_activity "
            "where application_name like %s and datname = current_database()",
            (f"ecorse build {build_id} %",),
        )


def drop_relations(build_id: int) -> int:
    """Drop the stand-alone relations of a build that is not attached; gives how many."""
    with connect(application_name="ecorse drop_relations") as conn:
        conn.execute("set local lock_timeout = '10s'")
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
