"""Publishing a build, and rolling back: the one pointer that readers follow.

What belongs here: moving the pointer. What does not: the tables and views behind it
(``partitions``, ``views``), making or judging a build. See docs/adr/0005.
"""

from __future__ import annotations

import logging

import psycopg

from ecorse.errors import DataError, TerminalError
from ecorse.failpoints import failpoint
from ecorse.refresh.builds import build_status
from ecorse.refresh.partitions import (
    POINTER,
    PUBLISH_LOCK,
    attach,
    attach_pointer,
    current_build,
    wait_for_planners,
)
from ecorse.refresh.views import Published, drop_undeclared, ensure_view
from ecorse.warehouse.connect import connect

log = logging.getLogger(__name__)


def publish(build_id: int, relations: list[Published], *, holder: str) -> None:
    """Make an audited build the published one; readers never wait, mix nights or see nothing.

    First its tables are attached, which nobody sees; then one transaction moves the pointer.

    Raises
    ------
    DataError
        The build was not audited, or was published before (rolling back is ``rollback``).
    """
    tables = [r for r in relations if r.view_sql is None]
    with connect(autocommit=True, application_name=f"ecorse publish {build_id}") as conn:
        conn.execute("select pg_advisory_lock(%s)", (PUBLISH_LOCK,))
        if _is_done(conn, build_id, holder):
            return
        _refuse_unaudited(conn, build_id)
        with conn.transaction():
            attach_pointer(conn, build_id)
            for relation in tables:
                attach(conn, relation.name, relation.grain, build_id)
        failpoint("publish.after_attach")
        wait_for_planners(conn, [POINTER, *(r.name for r in tables)])
        with conn.transaction():
            _refuse_unaudited(conn, build_id)
            _refuse_older(conn, build_id)
            for relation in relations:
                ensure_view(conn, relation)
            drop_undeclared(conn, {r.name for r in relations})
            conn.execute(
                """
                update ops.build set status = 'published',
                    first_published_at = clock_timestamp(), finished_at = clock_timestamp()
                where build_id = %s
                """,
                (build_id,),
            )
            _point_to(conn, build_id, "publish", holder)
            failpoint("publish.before_commit")
    failpoint("publish.after_commit")
    log.info("published build %s", build_id)


def _is_done(conn: psycopg.Connection, build_id: int, holder: str) -> bool:
    """Whether this holder's publish of this build was the last thing that happened."""
    row = conn.execute(
        "select action, build_id, holder from ops.publication order by publication_id desc limit 1"
    ).fetchone()
    return row == ("publish", build_id, holder)


def _refuse_unaudited(conn: psycopg.Connection, build_id: int) -> None:
    status = build_status(conn, build_id)
    if status != "audited":
        raise DataError(
            f"Build {build_id} is {status}, and only an audited build can be published. "
            + (
                "It was published before: `ecorse rollback` brings an earlier night back."
                if status == "published"
                else "Run `ecorse refresh`."
            )
        )


def _refuse_older(conn: psycopg.Connection, build_id: int) -> None:
    """A publish that was held up must not take a later night away."""
    current = current_build(conn)
    if current is not None and build_id < current:
        raise DataError(
            f"Build {build_id} is older than the published build {current}, which was made from "
            "later files. Run `ecorse refresh` for a new night."
        )


def rollback(build_id: int | None, *, holder: str) -> int:
    """Make an earlier published build the current one; gives its id.

    Without a build id, the one that was published before the current build.

    Raises
    ------
    TerminalError
        There is no such build, or it is no longer kept.
    """
    with connect(application_name="ecorse rollback") as conn:
        conn.execute("select pg_advisory_xact_lock(%s)", (PUBLISH_LOCK,))
        kept = [
            row[0]
            for row in conn.execute(
                "select build_id from ops.build where status = 'published' order by build_id desc"
            )
        ]
        current = current_build(conn)
        if build_id is None:
            earlier = [b for b in kept if current is not None and b < current]
            if not earlier:
                raise TerminalError(
                    "There is no earlier published build to go back to. "
                    f"Kept: {kept or 'none'}; current: {current or 'none'}."
                )
            build_id = earlier[0]
        if build_id not in kept:
            raise TerminalError(
                f"Build {build_id} cannot be published: it never was, or is no longer kept. "
                f"Kept builds: {', '.join(map(str, kept)) or 'none'}."
            )
        _point_to(conn, build_id, "rollback", holder)
    log.info("rolled back to build %s", build_id)
    return build_id


def _point_to(conn: psycopg.Connection, build_id: int, action: str, holder: str) -> None:
    """Make a build the current one: the UPDATE that readers see."""
    conn.execute(
        """
        with published as (
            insert into ops.publication (action, build_id, previous_build_id, holder)
            values (%s, %s, (select build_id from ops.current_build), %s)
            returning publication_id, build_id, published_at
        )
        update builds.build_pointer as p
        set publication_id = n.publication_id, published_at = n.published_at
        from published as n where p.build_id = n.build_id
        """,
        (action, build_id, holder),
    )
