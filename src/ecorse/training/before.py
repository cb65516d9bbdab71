"""The published night before tonight's day: what its segments said of one shop.

What belongs here: finding that night, and reading its labels, names and events. What does not:
what follows from them (``ecorse.segments.history``).

A night that is made again on the same day of data is compared with the night before that day, as
the first try was: so that it says the same.
"""

from __future__ import annotations

from datetime import date

import polars as pl
import psycopg
from psycopg import sql

from ecorse.models.declaration import Declaration
from ecorse.models.segmentation_file import Entity
from ecorse.refresh.accept import is_accepted
from ecorse.refresh.relations import build_relation
from ecorse.segments.events import EVENTS
from ecorse.segments.history import PUBLISHED_LABELS, Before, Night
from ecorse.segments.label_history import NO_LABELS
from ecorse.training.labels_before import find_labels
from ecorse.training.nights_before import columns_of, day_of, published_before
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame


def read_night(declaration: Declaration, build_id: int, shop_id: str) -> Night:
    """On which day of a shop's data a build is, and what the published nights before said.

    Of a recommender which of its lists were served, whether a fall of it is accepted, and in which
    segments customers were.
    """
    with connect(application_name=f"ecorse {declaration.name} {shop_id} before") as conn:
        accepted = is_accepted(conn, build_id, declaration.name, shop_id)
        if declaration.task != "segment":
            served = _served(conn, declaration.method, build_id, shop_id)
            labels = NO_LABELS
            if declaration.has_customer_lists:
                segmentations = declaration.file.windows.segmentations
                labels = find_labels(conn, segmentations, build_id, shop_id)
            return Night(is_accepted=accepted, served=served, labels=labels)
        day = day_of(conn, build_relation("orders", build_id), build_id, shop_id)
        nights = _nights_before(conn, declaration, build_id, shop_id, day)
        read = {
            night: _read(conn, declaration, shop_id, *night)
            for night in set(nights)
            if night is not None  # mostly one and the same
        }
    before, published = (read.get(night) if night else None for night in nights)
    return Night(day, before, published, accepted)


def _served(conn: psycopg.Connection, method: str, build_id: int, shop_id: str) -> frozenset[str]:
    """The lists of a shop for which the published night serves a method.

    To a build of an earlier day (``as_of``) a night that knew what came later says nothing.
    """
    if not columns_of(conn, "served_model"):
        return frozenset()
    rows = conn.execute(
        """
        select s.list from builds.served_model as s
        inner join ops.current_build as c on s.build_id = c.build_id
        inner join ops.build as b on b.build_id = c.build_id
        inner join ops.build as this on this.build_id = %s
        where s.shop_id = %s and s.method = %s
            and (this.as_of is null or b.as_of <= this.as_of)
        """,
        (build_id, shop_id, method),
    )
    return frozenset(name for (name,) in rows)


def _nights_before(
    conn: psycopg.Connection,
    declaration: Declaration,
    build_id: int,
    shop_id: str,
    day: date | None,
) -> tuple[tuple[int, date] | None, tuple[int, date] | None]:
    """The latest build, back from the published one, that has these segments and an earlier day;
    and the latest of any day. Each with its day.

    Where nights of an earlier day were published and are no longer kept, the latest stands in.
    """
    entity: Entity = declaration.file.entity
    if not columns_of(conn, entity.labels):
        return None, None
    published, is_whole = None, True
    for earlier, is_kept in published_before(conn, build_id):
        there = (
            is_kept
            and conn.execute(
                sql.SQL(
                    "select 1 from {} where build_id = %s and shop_id = %s and segmentation = %s "
                    "limit 1"
                ).format(sql.Identifier("builds", "segments")),
                (earlier, shop_id, declaration.method),
            ).fetchone()
        )
        is_whole &= is_kept
        its_day = day_of(conn, "orders", earlier, shop_id) if there else None
        if its_day is None:
            continue
        published = published or (earlier, its_day)
        if day is None or its_day < day:
            return (earlier, its_day), published
    return (None if is_whole else published), published


def _read(
    conn: psycopg.Connection, declaration: Declaration, shop_id: str, build_id: int, day: date
) -> Before:
    entity: Entity = declaration.file.entity
    where = sql.SQL("build_id = {} and shop_id = {} and segmentation = {}").format(
        build_id, shop_id, declaration.method
    )

    def read(table: str, columns: sql.Composable) -> pl.DataFrame:
        query = sql.SQL("select {} from {} where {}").format(
            columns, sql.Identifier("builds", table), where
        )
        words = ("previous_segment_name",)
        return read_frame(conn, query.as_string(conn), words=words)

    labels = read(entity.labels, _label_columns(conn, entity, day))
    names = dict(read("segments", sql.SQL("segment_id, segment_name")).sort("segment_id").rows())
    events = pl.DataFrame(schema=dict(EVENTS))
    if columns_of(conn, "segment_events"):
        columns = sql.SQL(", ").join(map(sql.Identifier, EVENTS))
        events = read("segment_events", columns).cast(dict(EVENTS))  # type: ignore[arg-type]
        events = events.sort("event_date", "event", "segment_id", "other_segment_id")
    return Before(
        build_id=build_id,
        day=day,
        labels=labels.with_columns(pl.col("segment_id", "previous_segment_id").cast(pl.Int64)),
        names=names,
        events=events,
        next_id=max(_next_id(conn, declaration, shop_id), 1 + max(names)),
    )


def _label_columns(conn: psycopg.Connection, entity: Entity, day: date) -> sql.Composable:
    """The columns to read; a night of an earlier version did not say since when."""
    there = columns_of(conn, entity.labels)
    own = {
        "entity": sql.Identifier(entity.id),
        "previous_segment_id": sql.SQL("cast(null as integer)"),
        "previous_segment_name": sql.SQL("cast(null as text)"),
        "since_date": sql.SQL("cast({} as date)").format(day),
    }
    own |= {name: sql.Identifier(name) for name in PUBLISHED_LABELS if name in there}
    if "since_date" in there:
        own["since_date"] = sql.SQL("coalesce(since_date, {})").format(day)
    return sql.SQL(", ").join(
        sql.SQL("{} as {}").format(own[name], sql.Identifier(name)) for name in PUBLISHED_LABELS
    )


def _next_id(conn: psycopg.Connection, declaration: Declaration, shop_id: str) -> int:
    """The next segment id that no published model of the shop has used."""
    row = conn.execute(
        """
        select max(cast(v.metrics ->> 'next_segment_id' as integer))
        from ops.model_version as v inner join ops.build as b using (build_id)
        where v.shop_id = %s and v.model = %s and b.status in ('published', 'removed')
        """,
        (shop_id, declaration.name),
    ).fetchone()
    return (row[0] if row else None) or 1
