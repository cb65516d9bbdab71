"""A model's inputs: its declared selects for one shop, read in batches.

What belongs here: reading what a declaration names. What does not: what becomes of it.
"""

from __future__ import annotations

import polars as pl
from psycopg import sql

from ecorse.models.declaration import Declaration
from ecorse.refresh.relations import resolver
from ecorse.refresh.render import render
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame


def shops_of(declaration: Declaration, build_id: int) -> list[str]:
    """The shops that a build has rows of, in any of a model's inputs; sorted."""
    queries = " union ".join(
        f"select shop_id from ({query}) as q" for query in _rendered(declaration, build_id).values()
    )
    with connect(application_name=f"ecorse {declaration.name}") as conn:
        rows = conn.execute(f"select distinct shop_id from ({queries}) as shops").fetchall()
    return sorted(shop_id for (shop_id,) in rows)


def read_inputs(declaration: Declaration, build_id: int, shop_id: str) -> dict[str, pl.DataFrame]:
    """The declared selects of one shop; nothing stays open when they are read."""
    with connect(application_name=f"ecorse {declaration.name} {shop_id}") as conn:
        return {
            name: read_frame(
                conn,
                sql.SQL("select * from ({}) as q where shop_id = {}")
                .format(sql.SQL(query), sql.Literal(shop_id))
                .as_string(conn),
            )
            for name, query in _rendered(declaration, build_id).items()
        }


def _rendered(declaration: Declaration, build_id: int) -> dict[str, str]:
    resolve = resolver(build_id)
    return {
        name: render(query, resolve, f"{declaration.path} [inputs] {name}")
        for name, query in declaration.inputs.items()
    }
