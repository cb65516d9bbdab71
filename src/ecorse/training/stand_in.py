"""Rows of the published night that stand in for a model, fitted to what the shop has tonight.

What belongs here: who has left the shop leaves the carried rows; who is new is in no segment. So a
shop whose model failed has tables that agree with its marts, and its night's audit passes. What
does not: lists (``stand_in_lists``), carrying rows over (``refresh.tables``), when that is due
(``run``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from ecorse.models.declaration import Declaration
from ecorse.models.segmentation_file import Entity
from ecorse.refresh.relations import build_relation
from ecorse.refresh.tables import replace_model_rows, spool_model_rows
from ecorse.segments.history import Night, moves_of
from ecorse.segments.history_tables import HISTORY, SEGMENT_DRIFT
from ecorse.training.segmentation_labels import NOISE_ID, NOISE_NAME
from ecorse.training.segmentation_tables import over_time
from ecorse.training.stand_in_lists import fit_lists_to_tonight
from ecorse.training.typed import make_frame
from ecorse.warehouse.frames import read_frame

SINCE = "Came after the model was last trained."


def fit_to_tonight(
    conn: psycopg.Connection, declaration: Declaration, build_id: int, shop_id: str, night: Night
) -> str:
    """Bring a model's carried rows of one shop in line with the orders, customers, products and
    rules of the build; nothing happens where no row was carried over.

    Returns
    -------
    str
        What lists lack since, as a sentence; empty where they lack nothing.
    """
    parameters: dict[str, Any] = {
        "build": build_id,
        "shop": shop_id,
        "method": declaration.method,
    }
    if declaration.task == "segment":
        entity: Entity = declaration.file.entity
        told = _that_tell_of(conn, entity, declaration.file.model.diagnostics, build_id)
        _fit_segments(conn, entity, told, parameters | {"day": night.day})
        _tell_over_time(conn, declaration, build_id, shop_id, night)
        return ""
    return fit_lists_to_tonight(conn, declaration, parameters | {"served": sorted(night.served)})


def _that_tell_of(
    conn: psycopg.Connection, entity: Entity, tables: Sequence[str], build_id: int
) -> list[sql.Composable]:
    """Those of a model's own tables that have a row per order or customer."""
    found: list[sql.Composable] = []
    for table in tables:
        relation = sql.Identifier("builds", build_relation(table, build_id))
        query = sql.SQL("select * from {} limit 0").format(relation)
        if entity.id in {column.name for column in conn.execute(query).description or ()}:
            found.append(relation)
    return found


def _fit_segments(
    conn: psycopg.Connection,
    entity: Entity,
    own_tables: Sequence[sql.Composable],
    parameters: dict[str, Any],
) -> None:
    """``own_tables``: of the model itself, with a row per entity."""
    named: dict[str, sql.Composable] = {
        name: sql.Identifier("builds", build_relation(table, int(parameters["build"])))
        for name, table in (
            ("labels", entity.labels),
            ("points", entity.points),
            ("covers", entity.covers),
            ("segments", "segments"),
        )
    }
    named |= {"id": sql.Identifier(entity.id), "labelled": sql.SQL(entity.labelled)}
    for table in (named["labels"], named["points"], *own_tables):
        conn.execute(
            sql.SQL(
                """
                delete from {table} as carried
                where shop_id = %(shop)s and segmentation = %(method)s and not exists (
                    select from {covers} as c
                    where c.shop_id = carried.shop_id and c.{id} = carried.{id} and {labelled}
                )
                """
            ).format(table=table, **named),
            parameters,
        )
    words = {"none": NOISE_ID, "none_name": NOISE_NAME, "since": SINCE}
    for statement in (
        """
        insert into {labels} (build_id, shop_id, {id}, segmentation, segment_id, segment_name,
            since_date)
        select %(build)s, c.shop_id, c.{id}, %(method)s, %(none)s, %(none_name)s, %(day)s
        from {covers} as c
        where c.shop_id = %(shop)s and c.{id} is not null and {labelled}
            and exists (
                select from {segments} where shop_id = %(shop)s and segmentation = %(method)s
            )
            and not exists (
                select from {labels} as carried
                where carried.shop_id = c.shop_id and carried.segmentation = %(method)s
                    and carried.{id} = c.{id}
            )
        """,
        """
        insert into {segments} (build_id, shop_id, segmentation, segment_id, segment_name, meaning,
            members, share, leading_trait, is_small, is_degenerate)
        select %(build)s, %(shop)s, %(method)s, %(none)s, %(none_name)s, %(since)s, 0, 0, '', false,
            false
        where exists (
            select from {labels}
            where shop_id = %(shop)s and segmentation = %(method)s and segment_id = %(none)s
        )
        and not exists (
            select from {segments}
            where shop_id = %(shop)s and segmentation = %(method)s and segment_id = %(none)s
        )
        """,
        """
        update {segments} as s set
            members = coalesce(counted.members, 0),
            share = coalesce(counted.members, 0) / nullif(cast(total.members as float8), 0)
        from {segments} as every
        left join (
            select segment_id, count(*) as members from {labels}
            where shop_id = %(shop)s and segmentation = %(method)s group by segment_id
        ) as counted on every.segment_id = counted.segment_id
        cross join (
            select count(*) as members from {labels}
            where shop_id = %(shop)s and segmentation = %(method)s
        ) as total
        where s.ctid = every.ctid and s.shop_id = %(shop)s and s.segmentation = %(method)s
        """,
    ):
        conn.execute(sql.SQL(statement).format(**named), parameters | words)


def _tell_over_time(
    conn: psycopg.Connection, declaration: Declaration, build_id: int, shop_id: str, night: Night
) -> None:
    """Who is new and gone among the carried rows; nothing is known of a drift tonight."""
    entity: Entity = declaration.file.entity

    def rows(table: str, columns: sql.Composable) -> pl.DataFrame:
        query = sql.SQL(
            "select {} from {} where shop_id = {} and segmentation = {} order by 1"
        ).format(
            columns,
            sql.Identifier("builds", build_relation(table, build_id)),
            shop_id,
            declaration.method,
        )
        return read_frame(conn, query.as_string(conn))

    labels = rows(
        entity.labels, sql.SQL("{} as entity, segment_id").format(sql.Identifier(entity.id))
    )
    names = dict(rows("segments", sql.SQL("segment_id, segment_name")).rows())
    if not names:
        return
    ids = labels["segment_id"].cast(pl.Int64).to_numpy()
    key = {"shop_id": shop_id, "segmentation": declaration.method}
    tables = over_time(key, moves_of(labels["entity"], ids, night.before), names, night)
    tables[SEGMENT_DRIFT.name] = make_frame(SEGMENT_DRIFT, [])
    for relation in HISTORY:
        writer = (relation, build_id, declaration.method, shop_id)
        with spool_model_rows(*writer, [tables[relation.name]]) as spool:
            replace_model_rows(conn, *writer, spool)
