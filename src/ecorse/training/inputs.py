"""A model's inputs: its declared selects for one shop, read in batches.

What belongs here: reading what a declaration names. What does not: what becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import polars as pl
import psycopg
from psycopg import sql

from ecorse.errors import ConfigError
from ecorse.models.declaration import Declaration
from ecorse.models.segmentation_file import Entity
from ecorse.refresh.relations import resolver
from ecorse.refresh.render import render
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame


def known_shops() -> list[str]:
    """Every shop that the warehouse knows, simulated ones too; sorted.

    A build may have no rows of some of them. (A load is of one shop, but its simulated rows are of
    another: the ledger of loads does not tell all shops of a build.)
    """
    with connect(application_name="ecorse shops") as conn:
        rows = conn.execute("select shop_id from ops.shop").fetchall()
    return sorted(shop_id for (shop_id,) in rows)


def read_inputs(declaration: Declaration, build_id: int, shop_id: str) -> dict[str, pl.DataFrame]:
    """The declared selects of one shop, read in batches; nothing stays open when they are read.

    What the declaration knows as few different words comes as Categorical.
    """
    name = f"ecorse {declaration.name} {shop_id}"
    with connect(application_name=name) as conn, _told(declaration):
        return {
            name: read_frame(
                conn,
                sql.SQL("select * from ({}) as q where shop_id = {}")
                .format(sql.SQL(query), sql.Literal(shop_id))
                .as_string(conn),
                words=("shop_id", *declaration.words),
            )
            for name, query in _rendered(declaration, build_id).items()
        }


@contextmanager
def _told(declaration: Declaration) -> Iterator[None]:
    """Name the declaration when Postgres refuses its SQL, such as a column that is not there."""
    try:
        yield
    except psycopg.ProgrammingError as error:
        raise ConfigError(
            f"{declaration.path} [inputs]: Postgres refuses a select: {error.diag.message_primary} "
            f"({error.sqlstate}). Each gives shop_id and what the model reads."
        ) from error


def _rendered(declaration: Declaration, build_id: int) -> dict[str, str]:
    resolve = resolver(build_id)
    return {
        name: render(query, resolve, f"{declaration.path} [inputs] {name}")
        for name, query in _bounded(declaration).items()
    }


def _bounded(declaration: Declaration) -> Mapping[str, str]:
    """The declared selects; a segmentation gets lines only of what may have a label.

    Whatever a declaration selects, an order that is no purchase is in no segment.
    """
    if declaration.task != "segment":
        return declaration.inputs
    entity: Entity = declaration.file.entity
    lines = f"""
    select q.* from ({declaration.inputs["lines"]}) as q
    inner join marts.{entity.covers} as c on q.shop_id = c.shop_id and q.{entity.id} = c.{entity.id}
    where {entity.labelled}
    """
    return {**declaration.inputs, "lines": lines}
