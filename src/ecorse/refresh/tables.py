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
from ecorse.models.relation import Relation
from ecorse.refresh.marts import Mart
from ecorse.refresh.relations import build_relation, qualified, resolver
from ecorse.refresh.render import render
from ecorse.warehouse.spool import Spool

log = logging.getLogger(__name__)


def create_mart(conn: psycopg.Connection, mart: Mart, build_id: int) -> int | None:
    """Make a mart's relation for a build; gives its rows (none for a view).

    Raises
    ------
    ConfigError
        Postgres refuses the mart's SQL; the message names the file.
    """
    body = render(mart.sql, resolver(build_id, as_of=as_of(conn, build_id)), mart.where)
    relation = qualified(mart.name, build_id)
    is_view = mart.materialized == "view" and not mart.work_table
    noun = "view" if is_view else "table"
    try:
        _drop(conn, relation)
        rows = conn.execute(
            f"create {noun} {relation} as {_with_build_id(body, build_id)}"
        ).rowcount
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        raise ConfigError(
            f"{mart.where}: Postgres refuses this mart: {error.diag.message_primary} "
            f"({error.sqlstate}). Mend the SQL and run `ecorse refresh` again."
        ) from error
    if is_view:
        return None
    if not mart.work_table:
        _finish_table(conn, mart.name, build_id, mart.grain)
    conn.execute(f"analyze {relation}")
    return rows


def _drop(conn: psycopg.Connection, relation: str) -> None:
    """Drop what an earlier try made, whatever the mart was then: a table or a view."""
    row = conn.execute(
        "select relkind from pg_class where oid = to_regclass(%s)", (relation,)
    ).fetchone()
    if row is not None:
        noun = "view" if row[0] == "v" else "table"
        conn.execute(f"drop {noun} {relation} cascade")


def drop_work_tables(conn: psycopg.Connection, marts: Iterable[Mart], build_id: int) -> None:
    """Drop what was held only while a build was made, with the build's views that read it."""
    for mart in marts:
        if mart.work_table:
            conn.execute(f"drop table if exists {qualified(mart.name, build_id)} cascade")


def as_of(conn: psycopg.Connection, build_id: int) -> datetime | None:
    """The instant up to which rows are in a build; none where all are."""
    row = conn.execute("select as_of from ops.build where build_id = %s", (build_id,)).fetchone()
    return row[0] if row else None


def ensure_model_table(conn: psycopg.Connection, spec: Relation, build_id: int) -> None:
    """Make a build's table that models fill, empty, if it is not there yet.

    Two models that share it take turns for as long as the making takes.

    Raises
    ------
    ConfigError
        An earlier try of this build made it with other columns: rows of other models are in it.
    """
    relation = qualified(spec.name, build_id)
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 6032))", (relation,))
    found = conn.execute(
        "select attname from pg_attribute where attrelid = to_regclass(%s) "
        "and attnum > 0 and not attisdropped",
        (relation,),
    ).fetchall()
    if not found:
        _create_empty(conn, spec, build_id)
    elif {name for (name,) in found} != {"build_id", *spec.columns}:
        raise ConfigError(
            f"marts.{spec.name} has other columns than when build {build_id} was begun. Start a "
            "new refresh: this one cannot go on."
        )


def spool_model_rows(
    spec: Relation, build_id: int, writer: str, shop_id: str, blocks: Iterable[pl.DataFrame]
) -> Spool:
    """Take a model's rows of one shop as they are made, without a transaction; to be closed.

    Parameters
    ----------
    writer
        The model's value of the table's ``writer_column``.

    Raises
    ------
    DataError
        A frame lacks a declared column, has one that is not declared, or holds rows of another
        shop or model.
    """
    spool = Spool(("build_id", *spec.columns))
    try:
        for frame in blocks:
            _refuse_foreign(spec, frame, writer, shop_id)
            spool.add(frame.with_columns(build_id=pl.lit(build_id, pl.Int64)))
    except BaseException:
        spool.close()
        raise
    return spool


def replace_model_rows(
    conn: psycopg.Connection, spec: Relation, build_id: int, writer: str, shop_id: str, rows: Spool
) -> int:
    """Put a model's rows of one shop into a build's table, in place of an earlier try's."""
    forget_model_rows(conn, spec, build_id, writer, shop_id)
    return rows.copy_into(conn, ("builds", build_relation(spec.name, build_id)))


def _refuse_foreign(spec: Relation, frame: pl.DataFrame, writer: str, shop_id: str) -> None:
    if set(frame.columns) != set(spec.columns):
        raise DataError(
            f"A model gave marts.{spec.name} the columns {sorted(frame.columns)}, but it "
            f"declares {sorted(spec.columns)}. Mend the model or its Relation."
        )
    assert spec.writer_column is not None, f"{spec.name} names no writer_column"
    is_foreign = (frame["shop_id"] != shop_id) | (frame[spec.writer_column] != writer)
    if is_foreign.any():
        raise DataError(
            f"A model gave marts.{spec.name} {is_foreign.sum()} rows that are not of shop "
            f"{shop_id!r} and {spec.writer_column} {writer!r}. Mend the model."
        )


def forget_model_rows(
    conn: psycopg.Connection, spec: Relation, build_id: int, writer: str, shop_id: str
) -> None:
    """Delete a model's rows of one shop from a build's table."""
    assert spec.writer_column is not None
    conn.execute(
        sql.SQL("delete from {} where shop_id = %s and {} = %s").format(
            sql.Identifier("builds", build_relation(spec.name, build_id)),
            sql.Identifier(spec.writer_column),
        ),
        (shop_id, writer),
    )


def carry_over_rows(
    conn: psycopg.Connection, spec: Relation, build_id: int, writer: str, shop_id: str
) -> int:
    """Copy a model's published rows of one shop into a build; gives how many there were.

    Columns that the published night does not have yet are null. A build of an earlier day
    (``as_of``) takes nothing from a night that knows what came later.
    """
    forget_model_rows(conn, spec, build_id, writer, shop_id)
    there = {
        name
        for (name,) in conn.execute(
            """
            select a.attname from pg_attribute as a
            where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped
            """,
            (f"builds.{sql.Identifier(spec.name).as_string(conn)}",),
        )
    }
    assert spec.writer_column is not None
    if spec.writer_column not in there:
        return 0
    names = [name for name in spec.columns if name in there]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    statement = sql.SQL(
        "insert into {table} (build_id, {columns}) select %s, {columns} from builds.{parent} "
        "where build_id = (select c.build_id from ops.current_build as c "
        "inner join ops.build as b on b.build_id = c.build_id "
        "inner join ops.build as this on this.build_id = %s "
        "where this.as_of is null or b.as_of <= this.as_of) and shop_id = %s and {w} = %s"
    ).format(
        table=sql.Identifier("builds", build_relation(spec.name, build_id)),
        columns=columns,
        parent=sql.Identifier(spec.name),
        w=sql.Identifier(spec.writer_column),
    )
    return conn.execute(statement, (build_id, build_id, shop_id, writer)).rowcount


def _create_empty(conn: psycopg.Connection, spec: Relation, build_id: int) -> None:
    relation = qualified(spec.name, build_id)
    conn.execute(f"drop table if exists {relation} cascade")
    columns = ", ".join(
        f"{sql.Identifier(name).as_string(conn)} {column.sql_type}"
        for name, column in spec.columns.items()
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
    conn.execute(  # one statement, one scan
        f"alter table {relation} alter column build_id set not null, "
        f"add constraint {constraint} check (build_id = {build_id})"
    )
    if grain:
        conn.execute(f"create index on {relation} ({grain_index(grain)})")


def grain_index(grain: Iterable[str]) -> str:
    """The index columns of a mart: its grain, quoted."""
    return ", ".join(sql.Identifier(column).as_string() for column in grain)
