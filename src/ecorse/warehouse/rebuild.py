"""Bringing the tables of staging to their declared form, with every row they hold.

What belongs here: making missing tables, and making those anew whose form is another. What does
not: what they look like (``schema.staging``), the other tables (``include/sql/schema``).

A table whose columns, types, defaults or checks are not the declared ones is copied into a new one
and takes its place; views that read it read the new one. All of it is one transaction: killed at
any time, nothing has happened. While rows are copied nobody is kept waiting but loads; then the
locks that readers notice are taken for moments, and given back when they are not had at once.
"""

from __future__ import annotations

import logging
import time
from typing import NamedTuple

import psycopg
from psycopg import sql

from ecorse.errors import ConfigError, StoreBusy
from ecorse.failpoints import failpoint
from ecorse.schema.ddl import comments, create_index, create_table
from ecorse.schema.staging import STAGING_TABLES
from ecorse.schema.table import StagingTable

log = logging.getLogger(__name__)
NEW, OLD = "staging_new", "staging_old"
LOADS_TIMEOUT = "10s"  # for loads that are at work to end
LOCK_TIMEOUT = "500ms"  # below Postgres' deadlock_timeout: readers come first
SWAP_SECONDS = 60.0


class _View(NamedTuple):
    """A view that reads a table: how to make it again on another one."""

    schema: str
    name: str
    options: list[str] | None
    body: str


def copy_outdated(conn: psycopg.Connection) -> list[str]:
    """Make every table that is missing or has another form, in a schema of its own, with its rows.

    Gives their names, for ``put_in_place``. Nobody sees them yet.

    Raises
    ------
    StoreBusy
        A load is at work.
    ConfigError
        A table has a column that is not declared.
    """
    conn.execute(f"create schema {NEW}")
    made = []
    for table in STAGING_TABLES.values():
        for name in (table.name, table.twin):
            conn.execute(create_table(table, name, NEW))
            if _exists(conn, name):
                if _form(conn, "staging", name) == _form(conn, NEW, name):
                    conn.execute(f"drop table {NEW}.{name}")
                    continue
                _copy_rows(conn, table, name)
            conn.execute(create_index(name, NEW))
            made.append(name)
    return made


def put_in_place(conn: psycopg.Connection, names: list[str]) -> None:
    """Let the tables that ``copy_outdated`` made take their places.

    Raises
    ------
    StoreBusy
        Somebody kept reading the old tables.
    ConfigError
        Something other than a view of ours reads an old table.
    """
    deadline = time.monotonic() + SWAP_SECONDS
    while True:
        try:
            with conn.transaction():
                conn.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
                conn.execute(f"create schema {OLD}")
                for name in names:
                    _put_in_place(conn, name)
                for schema in (OLD, NEW):
                    conn.execute(f"drop schema {schema}")
                conn.execute("set local lock_timeout = 0")
            break
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() > deadline:
                raise StoreBusy(
                    "The tables of staging must be made anew, and somebody keeps reading them. "
                    "Nothing was changed; run this again when no refresh is at work."
                ) from None
            time.sleep(0.2)
    for table in STAGING_TABLES.values():
        for statement in comments(table):
            conn.execute(statement)


def _exists(conn: psycopg.Connection, name: str) -> bool:
    return conn.execute("select to_regclass(%s)", (f"staging.{name}",)).fetchone() != (None,)


def _form(conn: psycopg.Connection, schema: str, name: str) -> tuple[object, ...]:
    """What makes two tables alike: columns in order, types, defaults, checks."""
    relation = f"{schema}.{name}"
    columns = conn.execute(
        """
        select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            pg_get_expr(d.adbin, d.adrelid)
        from pg_attribute as a
        left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
        order by a.attnum
        """,
        (relation,),
    ).fetchall()
    checks = conn.execute(
        "select pg_get_constraintdef(oid) from pg_constraint "
        "where conrelid = %s::regclass and contype = 'c' order by 1",
        (relation,),
    ).fetchall()
    return columns, checks


def _copy_rows(conn: psycopg.Connection, table: StagingTable, name: str) -> None:
    """Copy a table's rows into its successor, in the order they stand in."""
    held = [
        column
        for (column,) in conn.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 "
            "and not attisdropped",
            (f"staging.{name}",),
        )
    ]
    if unknown := sorted(set(held) - set(table.column_names)):
        raise ConfigError(
            f"staging.{name} has a column {', '.join(unknown)} that Ecorse does not know, so the "
            "table cannot be made anew. Nothing was changed. Move what it holds elsewhere and drop "
            "it."
        )
    began = time.monotonic()
    try:
        conn.execute(f"set local lock_timeout = '{LOADS_TIMEOUT}'")
        conn.execute(f"lock table staging.{name} in share mode")
        conn.execute("set local lock_timeout = 0")
    except psycopg.errors.LockNotAvailable:
        raise StoreBusy(
            f"staging.{name} must be made anew, and a load is writing to it. Nothing was changed; "
            "run this again when it has ended."
        ) from None
    conn.execute("set local synchronize_seqscans = off")  # a scan could start in the middle
    columns = sql.SQL(", ").join(map(sql.Identifier, held))
    copied = conn.execute(
        sql.SQL("insert into {} ({}) select {} from {}").format(
            sql.Identifier(NEW, name), columns, columns, sql.Identifier("staging", name)
        )
    ).rowcount
    failpoint("migrate.after_copy")
    log.info("copied %s rows of staging.%s into its new form in %.1f s", copied, name,
             time.monotonic() - began)  # fmt: skip


def _put_in_place(conn: psycopg.Connection, name: str) -> None:
    """One table: the new one, with every view on the old one, which goes."""
    if not _exists(conn, name):
        conn.execute(f"alter table {NEW}.{name} set schema staging")
        return
    views = _views_on(conn, name)
    for view in views:  # as readers take them: the view first, then what it reads
        conn.execute(
            sql.SQL("lock table {} in access exclusive mode").format(
                sql.Identifier(view.schema, view.name)
            )
        )
    conn.execute(f"alter table staging.{name} set schema {OLD}")
    conn.execute(f"alter table {NEW}.{name} set schema staging")
    try:
        for view in views:
            options = f" with ({', '.join(view.options)})" if view.options else ""
            conn.execute(
                sql.SQL("create or replace view {}{} as {}").format(
                    sql.Identifier(view.schema, view.name), sql.SQL(options), sql.SQL(view.body)
                )
            )
        conn.execute(f"drop table {OLD}.{name}")
    except (
        psycopg.errors.DependentObjectsStillExist,
        psycopg.errors.InsufficientPrivilege,
    ) as error:
        raise ConfigError(
            f"staging.{name} must be made anew, but something that is not Ecorse's reads it: "
            f"{error.diag.message_detail or error.diag.message_primary}. Nothing was changed. Drop "
            "that first."
        ) from None
    conn.execute(f"analyze staging.{name}")


def _views_on(conn: psycopg.Connection, name: str) -> list[_View]:
    """The views that read a table themselves, with their text while it still names that table."""
    conn.execute("set local search_path = ''")  # every name in the text is qualified
    rows = conn.execute(
        """
        select distinct n.nspname, v.relname, v.reloptions, pg_get_viewdef(v.oid)
        from pg_depend as d
        join pg_rewrite as r on r.oid = d.objid
        join pg_class as v on v.oid = r.ev_class
        join pg_namespace as n on n.oid = v.relnamespace
        where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
            and d.refobjid = %s::regclass and v.relkind = 'v'
        order by 1, 2
        """,
        (f"staging.{name}",),
    ).fetchall()
    return [_View(*row) for row in rows]
