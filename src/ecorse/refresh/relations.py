"""Which relation stands for a name in a mart's SQL: the build's own, or the published one.

What belongs here: naming the tables behind a build, and reading staging at a build's watermark.
What does not: running anything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

from psycopg import sql

from ecorse.errors import ConfigError
from ecorse.schema.staging import STAGING_TABLES
from ecorse.schema.table import StagingTable

PUBLISHED = "(select build_id from ops.current_build)"
LOOK_UP: Final = "look up"
BUILD_LOADS = "ops.build_load"


def build_relation(mart: str, build_id: int) -> str:
    """Name, within schema ``builds``, of one build's stand-alone relation of a mart."""
    return f"{mart}${build_id}"


def qualified(mart: str, build_id: int) -> str:
    """The same, qualified and quoted."""
    return sql.Identifier("builds", build_relation(mart, build_id)).as_string()


def staging_at(
    table: str,
    build: str,
    *,
    as_of: datetime | Literal["look up"] | None = LOOK_UP,
    loads: str = BUILD_LOADS,
) -> str:
    """A parenthesised select of ``staging.<table>`` at a build's watermark.

    ``build`` is a number, or ``PUBLISHED`` for whichever build is published when it is read.
    ``as_of`` is the build's, where it is known: the planner estimates a constant well, and takes
    a looked up instant for one that keeps a third of the rows (a mart took minutes for seconds).
    ``loads`` has the loads of the build (``build_id, load_id, line_order``).
    Of rows without a key of their own, one that another load holds too counts only if no earlier
    load of the build holds it, or in any case where the latest of several rows counts. Of rows with
    a key (``line_key``) that of the latest load counts.
    """
    held = STAGING_TABLES.get(table)
    if held is None:
        raise ConfigError(
            f"A mart reads staging.{table}, which does not exist. Known: "
            f"{', '.join(STAGING_TABLES)}."
        )
    dated = ""
    if held.time and as_of == LOOK_UP:
        dated = (
            f" and s.{held.time} <= coalesce("
            f"(select b.as_of from ops.build as b where b.build_id = {build}), 'infinity')"
        )
    elif held.time and isinstance(as_of, datetime):
        dated = f" and s.{held.time} <= cast('{as_of.isoformat()}' as timestamptz)"
    parts = [*_rows_without_key(held, build, dated, loads)]
    if "line_id" in held.column_names:
        parts += _rows_with_key(held, build, dated, loads)
    return f"({' union all '.join(parts)})"


def _rows_without_key(
    held: StagingTable, build: str, dated: str, build_loads: str
) -> tuple[str, str]:
    """Selects of the rows that no load holds twice, and of those that step in for others."""
    known = (
        f"s.load_id in (select bl.load_id from {build_loads} as bl "
        f"where bl.build_id = {build} and bl.line_order is null){dated}"
    )
    same = " and ".join(
        [f"e.{c} = s.{c}" for c in held.key]
        + [f"e.{c} is not distinct from s.{c}" for c in held.compared]
    )
    if held.latest_counts:
        any_load = (
            f"s.load_id in (select bl.load_id from {build_loads} as bl where bl.build_id = {build})"
        )
        return (
            f"select s.* from staging.{held.name} as s where {any_load}{dated}",
            f"select s.* from staging.{held.twin} as s where {any_load}{dated}",
        )
    # What refers to s stands in the where clause: only then is this a hashed anti-join, and not
    # a search through staging for each repeated line.
    earlier = " and ".join(
        f"not exists (select 1 from staging.{name} as e "
        f"join {build_loads} as el on el.load_id = e.load_id and el.build_id = {build} "
        f"join ops.load as ef on ef.load_id = e.load_id where el.line_order is null "
        f"and ef.source = sf.source and e.load_id < s.load_id and {same})"
        for name in (held.name, held.twin)
    )
    return (
        f"select s.* from staging.{held.name} as s where {known}",
        f"select s.* from staging.{held.twin} as s "
        f"join ops.load as sf on sf.load_id = s.load_id where {known} and {earlier}",
    )


def _rows_with_key(held: StagingTable, build: str, dated: str, build_loads: str) -> list[str]:
    """Selects of the rows whose key no later load of the build has, and of lines added to these.

    A later load has a key in a row that counts or in one that it leaves out. An added line counts
    as long as its row does and no later load states a line of its key: the shipping of an order,
    say, that is stated beside another of its rows. Where a build has no load with keys, nothing is
    read.
    """
    loads = (
        f"(select bl.load_id, bl.line_order, l.source from {build_loads} as bl "
        f"join ops.load as l on l.load_id = bl.load_id where bl.build_id = {build} "
        "and bl.line_order is not null)"
    )
    every = f"(select * from staging.{held.name} union all select * from staging.{held.twin})"
    said = " union all ".join(
        [
            f"select load_id, shop_id, line_id from staging.{name} where made_of is {{0}}null"
            for name in (held.name, held.twin)
        ]
    )
    own = f"({said.format('')} union all select load_id, shop_id, line_id from ops.left_out_line)"
    added = f"({said.format('not ')})"

    def no_later(said: str, key: str) -> str:
        return (
            f"not exists (select 1 from {said} as e join {loads} as ek on ek.load_id = e.load_id "
            f"where e.line_id = {key} and e.shop_id = s.shop_id "
            "and ek.source = sk.source and ek.line_order > sk.line_order)"
        )

    rows = f"select s.* from {every} as s join {loads} as sk on sk.load_id = s.load_id"
    return [
        f"{rows} where s.made_of is null{dated} and {no_later(own, 's.line_id')}",
        f"{rows} join {every} as o on o.load_id = s.load_id and o.source_line = s.source_line "
        f"where s.made_of is not null{dated} and o.made_of is null "
        f"and {no_later(own, 'o.line_id')} and {no_later(added, 's.line_id')}",
    ]


def resolver(
    build_id: int | None, *, as_of: datetime | Literal["look up"] | None = LOOK_UP
) -> Callable[[str, str], str]:
    """What to put for ``schema.table`` in a mart's SQL.

    For a build: its stand-alone relations. For ``None``: the published views, and staging at the
    published build's watermark.
    """

    def resolve(schema: str, table: str) -> str:
        if schema == "marts":
            return f"marts.{table}" if build_id is None else qualified(table, build_id)
        if schema == "staging":
            build = PUBLISHED if build_id is None else str(build_id)
            return staging_at(table, build, as_of=as_of)
        return f"{schema}.{table}"

    return resolve
