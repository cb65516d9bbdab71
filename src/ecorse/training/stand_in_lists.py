"""Lists of the published night that stand in for a recommender, fitted to tonight.

What belongs here: what left the shop, what its rules take out since and what a customer said no to
since leave the carried rows, and ranks close up. What does not: segments, and when rows stand in
(``stand_in``, ``run``).

The lists are not filled up: nobody knows what the model would name instead.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from ecorse.errors import EcorseError
from ecorse.models.declaration import RECOMMENDABLE, Declaration
from ecorse.refresh.relations import build_relation
from ecorse.training.contender import read_rows
from ecorse.training.inputs import read_inputs
from ecorse.warehouse.copy import copy_frame

log = logging.getLogger(__name__)
REFUSED = "refused_since"


def fit_lists_to_tonight(
    conn: psycopg.Connection, declaration: Declaration, parameters: dict[str, Any]
) -> str:
    """Bring a recommender's carried rows of one shop in line with products, rules and refusals.

    Parameters
    ----------
    parameters
        ``build``, ``shop``, ``method``; ``served``: the lists that were served of it until now.

    Returns
    -------
    str
        What lists lack since, as a sentence; empty where they lack nothing.
    """
    answers, lacks = declaration.file.model.answers, list[str]()
    if "items" in answers:
        columns = ("product_id", "similar_product_id")
        _fit_lists(conn, "item_similarity", ("product_id",), columns, parameters)
    if "users" in answers:
        if ruled := _keep_to_rules(conn, parameters):
            lacks.append(f"{ruled:,} of these rows named what the shop's rules take out since")
        refused = _refused(declaration, int(parameters["build"]), parameters["shop"])
        if said_no := _take_out_refused(conn, refused, parameters):
            lacks.append(f"{said_no:,} of these rows named what their customer said no to since")
        whose = ("list", "customer_id")
        _fit_lists(conn, "user_recommendations", whose, ("product_id",), parameters)
    _tell_what_was_served(conn, declaration, parameters)
    if not lacks:
        return ""
    return f"{', '.join(lacks)}: they are gone, and their lists are shorter."


def _tell_what_was_served(
    conn: psycopg.Connection, declaration: Declaration, parameters: dict[str, Any]
) -> None:
    """The carried figures say what was served before their own night; tonight they say what was
    served until now, or another method would be served because this one failed."""
    scores = sql.Identifier("builds", build_relation("model_scores", parameters["build"]))
    conn.execute(
        sql.SQL(
            "update {} set was_served = list = any(%(served)s) "
            "where shop_id = %(shop)s and model = %(model)s and method = %(method)s"
        ).format(scores),
        parameters | {"model": declaration.name},
    )


def _keep_to_rules(conn: psycopg.Connection, parameters: dict[str, Any]) -> int:
    """Take out what tonight's rules do not allow: nobody is shown a product that was called back.

    Gives how many rows that were.
    """
    build_id = int(parameters["build"])
    taken = conn.execute(
        sql.SQL(
            """
            delete from {lists} as carried using {rules} as r
            where carried.shop_id = %(shop)s and carried.method = %(method)s
                and r.shop_id = carried.shop_id and r.list = carried.list
                and r.product_id = carried.product_id and not r.is_allowed
            """
        ).format(
            lists=sql.Identifier("builds", build_relation("user_recommendations", build_id)),
            rules=sql.Identifier("builds", build_relation("ruled_products", build_id)),
        ),
        parameters,
    ).rowcount
    return int(taken)


def _refused(declaration: Declaration, build_id: int, shop_id: str) -> pl.DataFrame:
    """``customer_id, product_id`` of what customers said no to, as far as the inputs can be read:
    that they cannot may be why the model failed."""
    none = pl.DataFrame(schema={"customer_id": pl.String, "product_id": pl.String})
    try:
        data, _ = read_rows(read_inputs(declaration, build_id, shop_id), declaration, None)
    except (EcorseError, pl.exceptions.PolarsError, LookupError, ValueError, TypeError) as error:
        log.warning("what customers of %s said no to is not known: %s", shop_id, error)
        return none
    users, items = data.refused.nonzero()
    return pl.DataFrame(
        {
            "customer_id": data.users["customer_id"].gather(users),
            "product_id": data.items["product_id"].gather(items),
        }
    )


def _take_out_refused(
    conn: psycopg.Connection, refused: pl.DataFrame, parameters: dict[str, Any]
) -> int:
    """Take out what customers said no to; gives how many rows that were."""
    if refused.is_empty():
        return 0
    conn.execute(f"create temp table {REFUSED} (customer_id text, product_id text) on commit drop")
    with conn.cursor() as cursor:
        copy_frame(cursor, (REFUSED,), refused)
    lists = sql.Identifier("builds", build_relation("user_recommendations", parameters["build"]))
    return conn.execute(
        sql.SQL(
            """
            delete from {lists} as carried using {refused} as r
            where carried.shop_id = %(shop)s and carried.method = %(method)s
                and r.customer_id = carried.customer_id and r.product_id = carried.product_id
            """
        ).format(lists=lists, refused=sql.Identifier(REFUSED)),
        parameters,
    ).rowcount


def _fit_lists(
    conn: psycopg.Connection,
    table: str,
    whose: Sequence[str],
    columns: tuple[str, ...],
    parameters: dict[str, Any],
) -> None:
    """Take out products that the shop no longer has; ranks close up."""
    build_id = int(parameters["build"])
    named = {
        "table": sql.Identifier("builds", build_relation(table, build_id)),
        "products": sql.Identifier("builds", build_relation(RECOMMENDABLE, build_id)),
        "whose": sql.SQL(", ").join(map(sql.Identifier, whose)),
    }
    for column in columns:
        conn.execute(
            sql.SQL(
                """
                delete from {table} as carried
                where shop_id = %(shop)s and method = %(method)s and not exists (
                    select from {products} as p
                    where p.shop_id = carried.shop_id and p.product_id = carried.{column}
                )
                """
            ).format(column=sql.Identifier(column), **named),
            parameters,
        )
    conn.execute(
        sql.SQL(
            """
            update {table} as carried set rank = placed.place
            from (
                select ctid, row_number() over (partition by {whose} order by rank) as place
                from {table} where shop_id = %(shop)s and method = %(method)s
            ) as placed
            where carried.ctid = placed.ctid and carried.rank <> placed.place
            """
        ).format(**named),
        parameters,
    )
