"""The stand-alone relations of a build: from a mart's select, or from a model's frames.

What belongs here: making and filling them inside a step's transaction. What does not: attaching
them to what readers see (``publish``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

import polars as pl
import psycopg
from psycopg import sql

from ecorse.errors import ConfigError, DataError
from ecorse.models.relation import ModelTable
from ecorse.refresh.marts import Mart
from ecorse.refresh.relations import build_relation, qualified, resolver
from ecorse.refresh.render import render
from ecorse.warehouse.frames import copy_frame

log = logging.getLogger(__name__)


def create_mart(conn: psycopg.Connection, mart: Mart, build_id: int) -> int:
    """Make a mart's relation for a build; gives its rows (0 for a view).

    Raises
    ------
    ConfigError
        Postgres refuses the mart's SQL; the message names the file.
    """
    body = render(mart.sql, resolver(build_id, as_of=as_of(conn, build_id)), str(mart.path))
    relation = qualified(mart.name, build_id)
    try:
        if mart.materialized == "view":
            conn.execute(f"drop view if exists {relation} cascade")
            conn.execute(f"create view {relation} as {_with_build_id(body, build_id)}")
            return 0
        conn.execute(f"drop table if exists {relation} cascade")
        conn.execute(f"create table {relation} as {_with_build_id(body, build_id)}")
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        raise ConfigError(
            f"{mart.path}: Postgres refuses this mart: {error.diag.message_primary} "
            f"({error.sqlstate}). Mend the SQL and run `ecorse refresh` again."
        ) from error
    _finish_table(conn, mart.name, build_id, mart.grain)
    conn.execute(f"analyze {relation}")
    row = conn.execute(f"select count(*) from {relation}").fetchone()
    assert row is not None
    return int(row[0])


def as_of(conn: psycopg.Connection, build_id: int) -> datetime | None:
    """The instant up to which rows are in a build; none where all are."""
    row = conn.execute("select as_of from ops.build where build_id = %s", (build_id,)).fetchone()
    return row[0] if row else None


def create_model_table(
    conn: psycopg.Connection, spec: ModelTable, build_id: int, frames: Iterable[pl.DataFrame]
) -> int:
    """Make a table that a model declared and fill it; gives its rows.

    A table that several models share is made by the first; each replaces only its own rows.

    Raises
    ------
    DataError
        A frame lacks a declared column or has one that is not declared.
    """
    relation = qualified(spec.name, build_id)
    # two models that share a table take turns, until the end of their transactions
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 6032))", (relation,))
    row = conn.execute("select to_regclass(%s)", (relation,)).fetchone()
    if spec.writer_column is None or row == (None,):
        _create_empty(conn, spec, build_id)
    rows = 0
    for frame in frames:
        if set(frame.columns) != set(spec.columns):
            raise DataError(
                f"A model gave marts.{spec.name} the columns {sorted(frame.columns)}, but it "
                f"declares {sorted(spec.columns)}. Mend the model or its Relation."
            )
        if spec.writer_column is not None:
            conn.execute(
                sql.SQL("delete from {} where shop_id = any(%s) and {} = any(%s)").format(
                    sql.Identifier("builds", build_relation(spec.name, build_id)),
                    sql.Identifier(spec.writer_column),
                ),
                [frame[name].unique().to_list() for name in ("shop_id", spec.writer_column)],
            )
        rows += copy_frame(
            conn, relation, frame.select(pl.lit(build_id).alias("build_id"), *spec.columns)
        )
    conn.execute(f"analyze {relation}")
    return rows


def _create_empty(conn: psycopg.Connection, spec: ModelTable, build_id: int) -> None:
    relation = qualified(spec.name, build_id)
    conn.execute(f"drop table if exists {relation} cascade")
    columns = ", ".join(
        f"{sql.Identifier(name).as_string(conn)} {sql_type}"
        for name, (sql_type, _) in spec.columns.items()
    )
    conn.execute(f"create table {relation} (build_id bigint not null, {columns})")
    _finish_table(conn, spec.name, build_id, spec.grain)


def _with_build_id(body: str, build_id: int) -> str:
    return f"select {build_id}::bigint as build_id, q.* from ({body}) as q"


def _finish_table(
    conn: psycopg.Connection, name: str, build_id: int, grain: tuple[str, ...]
) -> None:
    """What lets the table be attached without a scan, and be looked up by its grain."""
    relation = qualified(name, build_id)
    constraint = sql.Identifier(f"{build_relation(name, build_id)}_build").as_string(conn)
    conn.execute(f"alter table {relation} alter column build_id set not null")
    conn.execute(
        f"alter table {relation} add constraint {constraint} check (build_id = {build_id})"
    )
    if grain:
        conn.execute(f"create index on {relation} ({grain_index(grain)})")


def grain_index(grain: Iterable[str]) -> str:
    """The index columns of a mart: its grain, quoted."""
    return ", ".join(sql.Identifier(column).as_string() for column in grain)
