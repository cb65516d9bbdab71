"""Whether tonight's segments go on from what the compared night published.

What belongs here: rules between a build and an earlier one. What does not: rules within a build
(tables of models, ``night_checks``); finding the earlier build (training, which writes it down).
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from ecorse.models.relation import BoundCheck
from ecorse.models.segmentation_file import ENTITIES, Entity
from ecorse.refresh.relations import build_relation

COMPARED = """
select s.entity, d.shop_id, s.method, cast(d.numbers ->> 'compared_build' as bigint),
    d.numbers ->> 'night_date'
from ops.model_decision as d
inner join {status} as s on s.shop_id = d.shop_id and s.model = d.model
where d.build_id = %s and s.task = 'segment' and d.numbers ->> 'compared_build' is not null
order by 1, 2, 3
"""
LABELS = """
select {entity} as entity, now.shop_id, now.segmentation, now.{id} as id,
    now.segment_id, now.previous_segment_id, now.since_date,
    was.segment_id as published_id, was.since_date as published_since
from {now} as now
left join {was} as was
    on was.build_id = {compared} and was.shop_id = now.shop_id
    and was.segmentation = now.segmentation and was.{id} = now.{id}
where now.shop_id = {shop} and now.segmentation = {method} and case
    when was.segment_id is null
        then now.previous_segment_id is not null or now.since_date is distinct from {day}
    when was.segment_id = now.segment_id
        then now.previous_segment_id is distinct from was.previous_segment_id
            or now.since_date is distinct from coalesce(was.since_date, now.since_date)
    else now.previous_segment_id is distinct from was.segment_id
        or now.since_date is distinct from {day}
end
"""
MIGRATIONS = """
select coalesce(now.shop_id, {shop}) as shop_id, {method} as segmentation,
    coalesce(now.segment_id, was.segment_id) as segment_id,
    now.members as went, was.members as published_members
from (
    select shop_id, from_segment_id as segment_id, sum(members) as members from {migrations}
    where shop_id = {shop} and segmentation = {method} and from_segment_id >= 0
    group by shop_id, from_segment_id
) as now
full join (
    select segment_id, members from {segments}
    where build_id = {compared} and shop_id = {shop} and segmentation = {method} and members > 0
) as was on now.segment_id = was.segment_id
where now.members is distinct from was.members
"""


@dataclass(frozen=True)
class _Compared:
    entity: Entity
    shop_id: str
    method: str
    build_id: int
    day: str


def history_checks(conn: psycopg.Connection, build_id: int) -> list[BoundCheck]:
    """Rules about what segments say of before, for what was compared with a night that is kept."""
    status = f"builds.{build_relation('model_status', build_id)}"
    if not _exists(conn, status):
        return []
    query = sql.SQL(COMPARED).format(
        status=sql.Identifier("builds", build_relation("model_status", build_id))
    )
    compared = [
        _Compared(ENTITIES[entity], *rest)
        for entity, *rest in conn.execute(query, (build_id,)).fetchall()
    ]
    told = {name: _has_history(conn, entity) for name, entity in ENTITIES.items()}
    labels = [_labels(one, build_id) for one in compared if told[one.entity.name]]
    moves = [_migrations(one, build_id) for one in compared]
    checks = []
    if labels:
        checks.append(
            BoundCheck(
                "previous_segments_are_those_published",
                "fail",
                "A previous segment, or since when, is not what the compared night published",
                sql.SQL(" union all ").join(labels).as_string(conn),
            )
        )
    if moves:
        checks.append(
            BoundCheck(
                "migrations_come_from_published_members",
                "fail",
                "Who left segments or stayed in them are not the members of the compared night",
                sql.SQL(" union all ").join(moves).as_string(conn),
            )
        )
    return checks


def _labels(one: _Compared, build_id: int) -> sql.Composed:
    labels = one.entity.labels
    return sql.SQL(LABELS).format(
        entity=one.entity.name,
        id=sql.Identifier(one.entity.id),
        now=sql.Identifier("builds", build_relation(labels, build_id)),
        was=sql.Identifier("builds", labels),
        compared=one.build_id,
        shop=one.shop_id,
        method=one.method,
        day=sql.SQL("cast({} as date)").format(one.day),
    )


def _migrations(one: _Compared, build_id: int) -> sql.Composed:
    return sql.SQL(MIGRATIONS).format(
        migrations=sql.Identifier("builds", build_relation("segment_migrations", build_id)),
        segments=sql.Identifier("builds", "segments"),
        compared=one.build_id,
        shop=one.shop_id,
        method=one.method,
    )


def _has_history(conn: psycopg.Connection, entity: Entity) -> bool:
    """Whether the published nights say since when; those of earlier versions do not."""
    row = conn.execute(
        "select 1 from pg_attribute where attrelid = to_regclass(%s) and attname = 'since_date' "
        "and not attisdropped",
        (f"builds.{entity.labels}",),
    ).fetchone()
    return row is not None


def _exists(conn: psycopg.Connection, relation: str) -> bool:
    row = conn.execute("select to_regclass(%s) is not null", (relation,)).fetchone()
    return bool(row and row[0])
