"""The stand-alone relations of a build: from a mart's select, or from a model's frames.

What belongs here: making and filling them inside a step's transaction. What does not: attaching
them to what readers see (``publish``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import polars as pl
import psycopg
from psycopg import sql

from ecorse.errors import ConfigError, DataError
from ecorse.models import TableSpec
from ecorse.warehouse.catalog import Mart, render
from ecorse.warehouse.frames import copy_frame
from ecorse.warehouse.relations import build_relation, qualified, resolver

log = logging.getLogger(__name__)


def create_mart(conn: psycopg.Connection, mart: Mart, build_id: int) -> int:
    """Make a mart's relation for a build; gives its rows (0 for a view).

    Raises
    ------
    ConfigError
        Postgres refuses the mart's SQL; the message names the file.
    """
    body = render(mart.sql, resolver(build_id))
    relation = qualified(mart.name, build_id)
    try:
        if mart.materialized == "view":
            conn.execute(f"drop view if exists {relation} cascade")
            conn.execute(f"create view {relation} as {_with_build_id(body, build_id)}")
            return 0
        conn.execute(f"drop table if exists {relation} cascade")
        conn.execute(f"create table {relation} as {_with_build_id(body, build_id)}")
    except (psycopg.errors.SyntaxErrorOrAccessRuleViolation, psycopg.errors.DataException) as error:
        raise ConfigError(
            f"{mart.path}: Postgres refuses this mart: {error.diag.message_primary} "
            f"({error.sqlstate}). Mend the SQL and run `ecorse refresh` again."
        ) from error
    _finish_table(conn, mart.name, build_id, mart.grain)
    row = conn.execute(f"select count(*) from {relation}").fetchone()
    assert row is not None
    return int(row[0])


def create_model_table(
    conn: psycopg.Connection, spec: TableSpec, build_id: int, frames: Iterable[pl.DataFrame]
) -> int:
    """Make a table that a model declared and fill it; gives its rows.

    Raises
    ------
    DataError
        A frame lacks a declared column or has one that is not declared.
    """
    relation = qualified(spec.name, build_id)
    conn.execute(f"drop table if exists {relation} cascade")
    columns = ", ".join(
        f"{sql.Identifier(name).as_string(conn)} {sql_type}"
        for name, (sql_type, _) in spec.columns.items()
    )
    conn.execute(f"create table {relation} (build_id bigint not null, {columns})")
    rows = 0
    for frame in frames:
        if set(frame.columns) != set(spec.columns):
            raise DataError(
                f"A model gave marts.{spec.name} the columns {sorted(frame.columns)}, but it "
                f"declares {sorted(spec.columns)}. Mend the model or its TableSpec."
            )
        rows += copy_frame(
            conn, relation, frame.select(pl.lit(build_id).alias("build_id"), *spec.columns)
        )
    _finish_table(conn, spec.name, build_id, spec.grain)
    return rows


def _with_build_id(body: str, build_id: int) -> str:
    return f"select {build_id}::bigint as build_id, q.* from ({body}) as q"


def _finish_table(
    conn: psycopg.Connection, name: str, build_id: int, grain: tuple[str, ...]
) -> None:
    """What lets the table be attached without a scan, be looked up by its grain, and be planned."""
    relation = qualified(name, build_id)
    constraint = sql.Identifier(f"{build_relation(name, build_id)}_build").as_string(conn)
    conn.execute(f"alter table {relation} alter column build_id set not null")
    conn.execute(
        f"alter table {relation} add constraint {constraint} check (build_id = {build_id})"
    )
    if grain:
        conn.execute(f"create index on {relation} ({grain_index(grain)})")
    conn.execute(f"analyze {relation}")


def grain_index(grain: Iterable[str]) -> str:
    """The index columns of a mart: its grain, quoted."""
    return ", ".join(sql.Identifier(column).as_string() for column in grain)
