"""The views of ``marts``: what readers see of a build, with its comments.

What belongs here: making, changing and dropping views, only when their text changed. What does
not: which build they show (``publish``), and the tables behind them (``partitions``).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from ecorse.errors import TerminalError
from ecorse.models.relation import Relation
from ecorse.refresh.catalog import Catalog
from ecorse.refresh.marts import Mart
from ecorse.refresh.partitions import exists
from ecorse.refresh.relations import PUBLISHED, resolver
from ecorse.refresh.render import render
from ecorse.warehouse.connect import connect

log = logging.getLogger(__name__)
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
        return cls(mart.name, mart.about, mart.grain, mart.comments, body)

    @classmethod
    def of_spec(cls, spec: Relation) -> Published:
        """From a model's table."""
        comments = {name: comment for name, (_, comment) in spec.columns.items()}
        return cls(spec.name, spec.about, spec.grain, comments, None)


def relations_of(catalog: Catalog, specs: Sequence[Relation]) -> list[Published]:
    """Everything that a build publishes: views last, each behind the views that it reads."""
    found = [Published.of_mart(m) for m in catalog.marts.values()]
    found += [Published.of_spec(s) for s in specs]
    place = {step.name: number for number, step in enumerate(catalog.steps())}
    views = [p for p in found if p.view_sql is not None]
    return [
        *sorted((p for p in found if p.view_sql is None), key=lambda p: p.name),
        *sorted(views, key=lambda p: place[p.name]),
    ]


def ensure_view(conn: psycopg.Connection, relation: Published) -> None:
    """Make or change the reader's view, only if its text changed: DDL makes readers wait."""
    if relation.view_sql is not None:
        body = f"select {PUBLISHED}::bigint as build_id, q.* from ({relation.view_sql}) as q"
    else:
        parent = sql.Identifier("builds", relation.name).as_string(conn)
        names = ("build_id", *relation.columns)
        columns = ", ".join(sql.Identifier(name).as_string(conn) for name in names)
        body = f"select {columns} from {parent} where build_id = {PUBLISHED}"
    view = sql.Identifier("marts", relation.name)
    fingerprint = _fingerprint(body, relation)
    row = conn.execute(
        "select fingerprint from ops.published_view where mart = %s", (relation.name,)
    ).fetchone()
    if row == (fingerprint,) and exists(conn, "marts", relation.name):
        return
    create = sql.SQL("create or replace view {} as {}").format(view, sql.SQL(body))
    try:
        with conn.transaction():
            conn.execute(create)
    except psycopg.errors.InvalidTableDefinition:  # columns went or moved: replacing cannot follow
        for reader in _readers(conn, relation.name):  # they come later, and are made again
            _drop_view(conn, reader)
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


def _readers(conn: psycopg.Connection, name: str) -> list[str]:
    """Our own views that read a view, the ones that are read by others last."""
    rows = conn.execute(
        """
        with recursive readers as (
            select to_regclass(format('marts.%%I', %s::text))::oid as relation, 0 as depth
            union
            select r.ev_class, readers.depth + 1
            from readers
            inner join pg_depend as d on d.refobjid = readers.relation
            inner join pg_rewrite as r on d.objid = r.oid and r.ev_class <> readers.relation
        )
        select c.relname
        from readers
        inner join pg_class as c on c.oid = readers.relation
        inner join ops.published_view as p on p.mart = c.relname
        where readers.depth > 0 and c.relnamespace = 'marts'::regnamespace
        group by c.relname
        order by max(readers.depth) desc
        """,
        (name,),
    ).fetchall()
    return [reader for (reader,) in rows]


def _fingerprint(body: str, relation: Published) -> str:
    text = "\0".join([body, relation.about, *(f"{k}={v}" for k, v in relation.columns.items())])
    return hashlib.sha256(text.encode()).hexdigest()


def drop_undeclared(conn: psycopg.Connection, declared: set[str]) -> None:
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
