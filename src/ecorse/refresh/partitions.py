"""The partitioned tables behind ``marts``: a build's tables come in, old builds go out.

What belongs here: attaching and detaching without making a reader wait or see nothing. What does
not: which build is shown (``publish``), and the views that show it (``views``).
"""

from __future__ import annotations

import logging
import time

import psycopg
from psycopg import sql

from ecorse.errors import ConfigError
from ecorse.refresh.builds import drop_relations
from ecorse.refresh.relations import build_relation, qualified
from ecorse.refresh.tables import grain_index
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect

log = logging.getLogger(__name__)
POINTER = "build_pointer"
PUBLISH_LOCK = 6032003
DETACH_TIMEOUT = "5s"
PLANNING_TIMEOUT = 2.0  # seconds; who holds a lock longer has planned long ago


def attach(conn: psycopg.Connection, name: str, grain: tuple[str, ...], build_id: int) -> None:
    """Attach a build's table to its parent, which is made first if the mart is new; repeatable."""
    own = qualified(name, build_id)
    parent = sql.Identifier("builds", name).as_string(conn)
    if not exists(conn, "builds", name):
        conn.execute(f"create table {parent} (like {own}) partition by list (build_id)")
        if grain:
            conn.execute(f"create index on {parent} ({grain_index(grain)})")
    row = conn.execute(
        "select relispartition from pg_class where oid = to_regclass(%s)", (own,)
    ).fetchone()
    if row == (True,):
        return
    _align_columns(conn, name, build_id)
    conn.execute(f"alter table {parent} attach partition {own} for values in ({build_id})")


def attach_pointer(conn: psycopg.Connection, build_id: int) -> None:
    """Attach the row that will make a build the published one; nobody follows it yet."""
    own = qualified(POINTER, build_id)
    conn.execute(f"create table if not exists {own} (like builds.{POINTER})")
    conn.execute(
        f"insert into {own} (build_id) select {build_id} where not exists (select from {own})"
    )
    attach(conn, POINTER, (), build_id)


def wait_for_planners(conn: psycopg.Connection, names: list[str]) -> None:
    """Wait until every statement that may have been planned before the attachment has ended.

    A statement that was planned without the new partitions but takes its snapshot after the new
    build is published would find no row at all (seen: 16 reads under 20 publishes). Whoever
    locks a parent from now on learns of its partition; so it is enough to wait, in autocommit
    mode, for those that hold a lock already. A transaction that stays open may keep a prepared
    plan for longer: it misses the pointer too, and goes on reading the build before.
    """
    waiting = _lock_holders(conn, names)
    deadline = time.monotonic() + PLANNING_TIMEOUT
    while waiting and time.monotonic() < deadline:
        time.sleep(0.005)
        waiting &= _lock_holders(conn, names)


def _lock_holders(conn: psycopg.Connection, names: list[str]) -> set[tuple[int, str]]:
    """Process and transaction of whoever reads one of the parents."""
    return set(
        conn.execute(
            """
            select l.pid, l.virtualtransaction from pg_locks as l
            join pg_class as c on c.oid = l.relation
            join pg_namespace as n on n.oid = c.relnamespace
            where l.locktype = 'relation' and l.pid <> pg_backend_pid()
                and l.database = (select oid from pg_database where datname = current_database())
                and n.nspname = 'builds' and c.relname = any(%s)
            """,
            (names,),
        ).fetchall()
    )


def _align_columns(conn: psycopg.Connection, name: str, build_id: int) -> None:
    """Add columns that a mart gained to its parent (older nights show null).

    Raises
    ------
    ConfigError
        A column was dropped, or changed its type.
    """
    parent, own = _columns(conn, name), _columns(conn, build_relation(name, build_id))
    changed = {c: (t, own.get(c)) for c, t in parent.items() if own.get(c) != t}
    if changed:
        listed = "; ".join(f"{c}: {old} -> {new or 'gone'}" for c, (old, new) in changed.items())
        raise ConfigError(
            f"marts.{name} changed in a way that kept nights cannot follow ({listed}). Give the "
            f"mart a new name, or run `ecorse mart drop {name}` to forget its kept nights."
        )
    for column, sql_type in own.items():
        if column not in parent:
            conn.execute(
                sql.SQL("alter table {} add column {} " + sql_type).format(
                    sql.Identifier("builds", name), sql.Identifier(column)
                )
            )


def _columns(conn: psycopg.Connection, relation: str) -> dict[str, str]:
    return dict(
        conn.execute(
            """
            select a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute as a
            where a.attrelid = to_regclass(format('builds.%%I', %s::text))
                and a.attnum > 0 and not a.attisdropped
            order by a.attnum
            """,
            (relation,),
        ).fetchall()
    )


def exists(conn: psycopg.Connection, schema: str, name: str) -> bool:
    """Whether a relation exists."""
    row = conn.execute("select to_regclass(format('%%I.%%I', %s::text, %s::text))", (schema, name))
    return row.fetchone() != (None,)


def current_build(conn: psycopg.Connection) -> int | None:
    """The published build, if there is one."""
    row = conn.execute("select build_id from ops.current_build").fetchone()
    return row[0] if row else None


def clear_old_builds() -> list[int]:
    """Drop builds beyond the kept ones and leftovers of dead ones; gives the build ids removed.

    Detaching never blocks readers; one that a long reader holds up is left for the next night.
    """
    removed = []
    with connect(autocommit=True, application_name="ecorse clear_old_builds") as conn:
        for build_id in _choose_builds_to_clear(conn):
            try:
                _detach_all(conn, build_id)
            except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
                log.info("build %s is still being read; it is cleared another night", build_id)
                break
            drop_relations(build_id)
            conn.execute("update ops.build set status = 'removed' where build_id = %s", (build_id,))
            conn.execute("delete from ops.build_load where build_id = %s", (build_id,))
            removed.append(build_id)
    return removed


def _choose_builds_to_clear(conn: psycopg.Connection) -> list[int]:
    """Mark what is not kept as being cleared, oldest first, so that no rollback goes there.

    Of builds that are not published the latest is kept, to be looked into; but not one that was to
    be published, whose refresh was killed, and that a later night has overtaken. What was to become
    of a build was said when it was opened; where nothing was said, it waits for somebody to look.
    """
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", (PUBLISH_LOCK,))
        rows = conn.execute(
            """
            select build_id, status, coalesce(is_to_be_published, false) from ops.build
            where status in
                ('published', 'audited', 'refused', 'failed', 'orphaned', 'clearing')
            order by build_id desc
            """
        ).fetchall()
        current = current_build(conn)
        published = [b for b, status, _ in rows if status == "published"]
        unpublished = [
            b
            for b, status, was_to_be in rows
            if status == "refused"
            or (status == "audited" and not (was_to_be and current and b < current))
        ]
        keep = {current, *published[: get_settings().keep_builds], *unpublished[:1]}
        chosen = sorted(b for b, _, _ in rows if b not in keep)
        conn.execute("update ops.build set status = 'clearing' where build_id = any(%s)", (chosen,))
    return chosen


def _detach_all(conn: psycopg.Connection, build_id: int) -> None:
    """Detach every partition of a build without blocking readers.

    A parent can have one unfinished detachment, so those that a reader interrupted come first.
    """
    conn.execute(f"set statement_timeout = '{DETACH_TIMEOUT}'")
    try:
        for parent, child, is_pending in conn.execute(
            """
            select p.relname, c.relname, i.inhdetachpending from pg_inherits as i
            join pg_class as c on c.oid = i.inhrelid join pg_class as p on p.oid = i.inhparent
            join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = 'builds' and c.relkind = 'r'
                and (i.inhdetachpending or c.relname like '%%$' || %s::text)
            order by i.inhdetachpending desc, p.relname
            """,
            (build_id,),
        ).fetchall():
            how = "finalize" if is_pending else "concurrently"
            conn.execute(
                sql.SQL("alter table {} detach partition {} " + how).format(
                    sql.Identifier("builds", parent), sql.Identifier("builds", child)
                )
            )
    finally:
        conn.execute("set statement_timeout = 0")
