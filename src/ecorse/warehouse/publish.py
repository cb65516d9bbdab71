"""Publishing a build, rolling back, and clearing builds away.

What belongs here: the one pointer that readers follow, and the parents and views it works
through. What does not: making or judging a build. See docs/adr for the measurements behind this.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

import psycopg
from psycopg import sql

from ecorse.errors import ConfigError, DataError, TerminalError
from ecorse.failpoints import failpoint
from ecorse.models import TableSpec
from ecorse.settings import get_settings
from ecorse.warehouse.builds import build_status, drop_relations
from ecorse.warehouse.catalog import Catalog, Mart, render
from ecorse.warehouse.connect import connect
from ecorse.warehouse.relations import PUBLISHED, build_relation, qualified, resolver
from ecorse.warehouse.tables import grain_index

log = logging.getLogger(__name__)
PUBLISH_LOCK = 6032003
DETACH_TIMEOUT = "5s"
BUILD_ID_COMMENT = "The published night this row belongs to; see marts.build_info"


@dataclass(frozen=True)
class Published:
    """What readers see of one mart: its name, comments, grain, and its select if it is a view."""

    name: str
    about: str
    grain: tuple[str, ...]
    columns: dict[str, str]
    view_sql: str | None

    @classmethod
    def of_mart(cls, mart: Mart) -> Published:
        """From a mart's SQL file."""
        body = render(mart.sql, resolver(None)) if mart.materialized == "view" else None
        return cls(mart.name, mart.about, tuple(mart.grain), dict(mart.columns), body)

    @classmethod
    def of_spec(cls, spec: TableSpec) -> Published:
        """From a model's table."""
        comments = {name: comment for name, (_, comment) in spec.columns.items()}
        return cls(spec.name, spec.about, spec.grain, comments, None)


def relations_of(catalog: Catalog, specs: list[TableSpec]) -> list[Published]:
    """Everything that a build publishes, views last since they may be replaced."""
    found = [Published.of_mart(m) for m in catalog.marts.values()]
    found += [Published.of_spec(s) for s in specs]
    return sorted(found, key=lambda p: (p.view_sql is not None, p.name))


def publish(build_id: int, relations: list[Published], *, holder: str) -> None:
    """Make an audited build the published one, in one transaction; readers never wait or mix.

    Raises
    ------
    DataError
        The build was not audited, or was published before (rolling back is ``rollback``).
    """
    with connect(application_name=f"ecorse publish {build_id}") as conn:
        conn.execute("select pg_advisory_xact_lock(%s)", (PUBLISH_LOCK,))
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
        for relation in relations:
            _attach(conn, relation, build_id)
        failpoint("publish.after_attach")
        _drop_undeclared(conn, {r.name for r in relations})
        conn.execute(
            """
            update ops.build set status = 'published', first_published_at = clock_timestamp(),
                finished_at = clock_timestamp()
            where build_id = %s
            """,
            (build_id,),
        )
        _point_to(conn, build_id, "publish", holder)
        failpoint("publish.before_commit")
    failpoint("publish.after_commit")
    log.info("published build %s", build_id)


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
        current = _current(conn)
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


def _current(conn: psycopg.Connection) -> int | None:
    row = conn.execute("select build_id from ops.current_build").fetchone()
    return row[0] if row else None


def _point_to(conn: psycopg.Connection, build_id: int, action: str, holder: str) -> None:
    conn.execute(
        """
        insert into ops.publication (action, build_id, previous_build_id, holder)
        values (%s, %s, (select build_id from ops.current_build), %s)
        """,
        (action, build_id, holder),
    )
    conn.execute(
        """
        insert into ops.current_build (build_id, published_at) values (%s, clock_timestamp())
        on conflict (is_current) do update set
            build_id = excluded.build_id, published_at = excluded.published_at
        """,
        (build_id,),
    )


def _attach(conn: psycopg.Connection, relation: Published, build_id: int) -> None:
    """Attach one relation of the build to what readers see; made first if it is new."""
    own = qualified(relation.name, build_id)
    if relation.view_sql is not None:
        body = f"select {PUBLISHED}::bigint as build_id, q.* from ({relation.view_sql}) as q"
        _ensure_view(conn, relation, body)
        return
    parent = sql.Identifier("builds", relation.name).as_string(conn)
    if not _exists(conn, "builds", relation.name):
        conn.execute(f"create table {parent} (like {own}) partition by list (build_id)")
        if relation.grain:
            conn.execute(f"create index on {parent} ({grain_index(relation.grain)})")
    _align_columns(conn, relation.name, build_id)
    conn.execute(f"alter table {parent} attach partition {own} for values in ({build_id})")
    columns = ", ".join(sql.Identifier(c).as_string(conn) for c in ("build_id", *relation.columns))
    _ensure_view(conn, relation, f"select {columns} from {parent} where build_id = {PUBLISHED}")


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


def _exists(conn: psycopg.Connection, schema: str, name: str) -> bool:
    row = conn.execute("select to_regclass(format('%%I.%%I', %s::text, %s::text))", (schema, name))
    return row.fetchone() != (None,)


def _ensure_view(conn: psycopg.Connection, relation: Published, body: str) -> None:
    """Make or change the reader's view, only if its text changed: DDL makes readers wait."""
    view = sql.Identifier("marts", relation.name)
    fingerprint = _fingerprint(body, relation)
    row = conn.execute(
        "select fingerprint from ops.published_view where mart = %s", (relation.name,)
    ).fetchone()
    if row == (fingerprint,) and _exists(conn, "marts", relation.name):
        return
    create = sql.SQL("create or replace view {} as {}").format(view, sql.SQL(body))
    try:
        with conn.transaction():
            conn.execute(create)
    except psycopg.errors.InvalidTableDefinition:  # columns went or moved: replacing cannot follow
        _drop_view(conn, relation.name)
        conn.execute(create)
    conn.execute(sql.SQL("comment on view {} is {}").format(view, relation.about))
    for column, comment in {"build_id": BUILD_ID_COMMENT, **relation.columns}.items():
        conn.execute(
            sql.SQL("comment on column {} is {}").format(
                sql.Identifier("marts", relation.name, column), comment
            )
        )
    conn.execute(
        """
        insert into ops.published_view (mart, fingerprint) values (%s, %s)
        on conflict (mart) do update set fingerprint = excluded.fingerprint
        """,
        (relation.name, fingerprint),
    )


def _fingerprint(body: str, relation: Published) -> str:
    text = "\0".join([body, relation.about, *(f"{k}={v}" for k, v in relation.columns.items())])
    return hashlib.sha256(text.encode()).hexdigest()


def _drop_undeclared(conn: psycopg.Connection, declared: set[str]) -> None:
    """Drop views of marts whose file is gone; one that someone's own view needs is kept."""
    for (name,) in conn.execute("select mart from ops.published_view").fetchall():
        if name in declared:
            continue
        try:
            with conn.transaction():
                conn.execute(
                    sql.SQL("drop view if exists {}").format(sql.Identifier("marts", name))
                )
                conn.execute("delete from ops.published_view where mart = %s", (name,))
        except psycopg.errors.DependentObjectsStillExist:
            log.warning("marts.%s is no longer declared, but another view still reads it", name)


def drop_mart(name: str) -> None:
    """Forget a mart: its view and its kept nights.

    Raises
    ------
    TerminalError
        Another view reads it.
    """
    with connect(application_name="ecorse mart drop") as conn:
        _drop_view(conn, name)
        conn.execute(sql.SQL("drop table if exists {}").format(sql.Identifier("builds", name)))
        conn.execute("delete from ops.published_view where mart = %s", (name,))


def _drop_view(conn: psycopg.Connection, name: str) -> None:
    try:
        conn.execute(sql.SQL("drop view if exists {}").format(sql.Identifier("marts", name)))
    except psycopg.errors.DependentObjectsStillExist as error:
        raise TerminalError(
            f"marts.{name} must be dropped, but other views read it: {error.diag.message_detail} "
            "Drop those views first."
        ) from None


def clear_old_builds() -> list[int]:
    """Drop builds beyond the kept ones and leftovers of dead ones; gives the build ids removed.

    Detaching never blocks readers; one that a long reader holds up is left for the next night.
    """
    removed = []
    with connect(autocommit=True, application_name="ecorse clear_old_builds") as conn:
        current = _current(conn)
        rows = conn.execute(
            """
            select build_id, status from ops.build
            where status in ('published', 'audited', 'refused', 'failed', 'orphaned')
            order by build_id desc
            """
        ).fetchall()
        published = [b for b, status in rows if status == "published"]
        keep = {current, *published[: get_settings().keep_builds]}
        latest_unpublished = next(
            (b for b, status in rows if status in ("audited", "refused")), None
        )
        keep.add(latest_unpublished)
        for build_id, _ in reversed(rows):
            if build_id in keep:
                continue
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
