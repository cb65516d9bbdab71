"""The steps of a build: marts, models and the audit, each one transaction, fenced at its end.

What belongs here: being at work on a build, and what is written down about each step. What does
not: what a step writes (``tables``); the life of the build (``builds``).

Whoever is at work has two connections: one to make things with, and one that says that the build
lives and writes down what is begun and what failed.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg

from ecorse.errors import Fenced, TimeLimit
from ecorse.refresh.builds import keep_alive
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect, explain

log = logging.getLogger(__name__)
MINUTE_MS = 60_000
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
PARALLEL_WORKERS = 2  # what Postgres gives a statement at most, if nothing else is set
HEARTBEAT = """
update ops.build set heartbeat_at = clock_timestamp() where build_id = %s and status = 'building'
"""


@dataclass(frozen=True)
class Made:
    """A step that a build has made: from which declaration, when, and how many rows."""

    made_from: str
    started_at: datetime
    finished_at: datetime
    rows: Mapping[str, int]


@dataclass
class AtWork:
    """A process at work on a part of a build."""

    build_id: int
    area: str
    conn: psycopg.Connection
    keeper: psycopg.Connection

    def made(self) -> dict[str, Made]:
        """The steps that the build has made so far, by name."""
        found = self.keeper.execute(
            """
            select step, detail ->> 'made_from', started_at, finished_at, detail -> 'rows', rows
            from ops.build_step where build_id = %s and status = 'succeeded'
            """,
            (self.build_id,),
        ).fetchall()
        return {
            step: Made(
                made_from or "", started, finished, by_table or ({step: rows} if rows else {})
            )
            for step, made_from, started, finished, by_table, rows in found
        }


@contextmanager
def at_work(build_id: int, area: str, *, alone: bool = False) -> Iterator[AtWork]:
    """Be at work on a build until the block ends: as long, no other refresh begins.

    A statement on ``conn`` ends after ``step_minutes``. It gets the cores that areas beside it
    leave, or all of them if it is ``alone``.
    """
    name = f"ecorse build {build_id} {area}"
    limit = get_settings().step_minutes * MINUTE_MS
    with (
        connect(autocommit=True, application_name=f"ecorse keeper {build_id} {area}") as keeper,
        connect(application_name=name) as conn,
    ):
        keep_alive(keeper, build_id)
        conn.execute(f"set statement_timeout = {limit:d}")
        if not alone and (workers := _workers_beside()) is not None:
            conn.execute(f"set max_parallel_workers_per_gather = {workers:d}")
        conn.commit()
        yield AtWork(build_id, area, conn, keeper)


def _workers_beside() -> int | None:
    """How many workers a statement gets beside its own process: areas share the server's cores.

    Two areas on two cores with two workers each took 10 % more CPU and 25 % more time than with
    none. Cores of another machine are not known: there the server's own setting holds.
    """
    settings = get_settings()
    url = settings.database_url.get_secret_value()
    if url and urlsplit(url).hostname not in LOOPBACK:
        return None
    return min(PARALLEL_WORKERS, max(0, (os.cpu_count() or 1) // settings.areas_at_once - 1))


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
def step(work: AtWork, name: str, made_from: str = "") -> Iterator[RunningStep]:
    """Run one step of a build: everything in the block is one transaction, fenced at its end.

    Parameters
    ----------
    made_from
        What tells one declaration of the step from another (``Catalog.made_from``).

    Raises
    ------
    Fenced
        The build ended or the step was taken over; nothing was committed.
    TimeLimit
        A statement took longer than ``step_minutes``.
    """
    token = _begin(work, name)
    started = time.perf_counter()
    current = RunningStep(work.conn, work.build_id, name, token)
    try:
        yield current
        current.check()
        work.conn.execute(
            """
            update ops.build_step set status = 'succeeded', finished_at = clock_timestamp(),
                rows = %s, detail = %s
            where build_id = %s and step = %s
            """,
            (
                current.rows,
                json.dumps({**current.detail, "made_from": made_from}),
                work.build_id,
                name,
            ),
        )
        work.conn.commit()
        work.keeper.execute(HEARTBEAT, (work.build_id,))
    except BaseException as error:
        told = _explain(name, error, time.perf_counter() - started)
        _mark_failed(work, name, token, told)
        log.error("%s failed after %.1f s", name, time.perf_counter() - started)
        if told is not error:
            raise told from None
        raise


def _explain(name: str, error: BaseException, seconds: float) -> BaseException:
    # whoever ends a night cancels statements too, but hardly ever after so long
    is_late = 1000 * seconds >= get_settings().step_minutes * MINUTE_MS
    if isinstance(error, psycopg.errors.QueryCanceled) and is_late:
        return TimeLimit(
            f"{name} took longer than {get_settings().step_minutes} minutes and was ended; nothing "
            "of it was kept. See `explain` of its SQL, or raise ECORSE_STEP_MINUTES."
        )
    return explain(error) if isinstance(error, psycopg.errors.DiskFull) else error


def _begin(work: AtWork, name: str) -> int:
    with work.keeper.transaction():
        alive = work.keeper.execute(f"{HEARTBEAT} returning build_id", (work.build_id,)).fetchone()
        if alive is None:
            raise Fenced(
                f"Build {work.build_id} is not being built any more (finished, failed, or taken "
                "over by a later refresh). Start a new refresh."
            )
        row = work.keeper.execute(
            """
            insert into ops.build_step (build_id, step, area, token, status)
            values (%s, %s, %s, 1, 'running')
            on conflict (build_id, step) do update set token = ops.build_step.token + 1,
                area = excluded.area, status = 'running', started_at = clock_timestamp(),
                finished_at = null, rows = null, detail = '{}'
            returning token
            """,
            (work.build_id, name, work.area),
        ).fetchone()
    assert row is not None
    token: int = row[0]
    return token


def _mark_failed(work: AtWork, name: str, token: int, error: BaseException) -> None:
    if not work.conn.closed:
        work.conn.rollback()
    if work.keeper.closed:
        return
    work.keeper.execute(
        """
        update ops.build_step set status = 'failed', finished_at = clock_timestamp(), detail = %s
        where build_id = %s and step = %s and token = %s
        """,
        (
            json.dumps({"error": f"{type(error).__name__}: {error}"[:4000]}),
            work.build_id,
            name,
            token,
        ),
    )
