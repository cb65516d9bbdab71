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

PUBLISHED = "(select build_id from ops.current_build)"
LOOK_UP: Final = "look up"


def build_relation(mart: str, build_id: int) -> str:
    """Name, within schema ``builds``, of one build's stand-alone relation of a mart."""
    return f"{mart}${build_id}"


def qualified(mart: str, build_id: int) -> str:
    """The same, qualified and quoted."""
    return sql.Identifier("builds", build_relation(mart, build_id)).as_string()


def staging_at(
    table: str, build: str, *, as_of: datetime | Literal["look up"] | None = LOOK_UP
) -> str:
    """A parenthesised select of ``staging.<table>`` at a build's watermark.

    ``build`` is a number, or ``PUBLISHED`` for whichever build is published when it is read.
    ``as_of`` is the build's, where it is known: the planner estimates a constant well, and takes
    a looked up instant for one that keeps a third of the rows (a mart took minutes for seconds).
    A repeated line (another load holds it too) counts only if no earlier load of the build
    holds it.
    """
    held = STAGING_TABLES.get(table)
    if held is None:
        raise ConfigError(
            f"A mart reads staging.{table}, which does not exist. Known: "
            f"{', '.join(STAGING_TABLES)}."
        )
    known = (
        f"s.load_id in (select bl.load_id from ops.build_load as bl where bl.build_id = {build})"
    )
    if held.time and as_of == LOOK_UP:
        known += (
            f" and s.{held.time} <= coalesce("
            f"(select b.as_of from ops.build as b where b.build_id = {build}), 'infinity')"
        )
    elif held.time and isinstance(as_of, datetime):
        known += f" and s.{held.time} <= cast('{as_of.isoformat()}' as timestamptz)"
    same = " and ".join(
        [f"e.{c} = s.{c}" for c in held.key]
        + [f"e.{c} is not distinct from s.{c}" for c in held.compared]
    )
    # What refers to s stands in the where clause: only then is this a hashed anti-join, and not
    # a search through staging for each repeated line.
    earlier = " and ".join(
        f"not exists (select 1 from staging.{name} as e "
        f"join ops.build_load as el on el.load_id = e.load_id and el.build_id = {build} "
        f"join ops.load as ef on ef.load_id = e.load_id "
        f"where ef.source = sf.source and e.load_id < s.load_id and {same})"
        for name in (held.name, held.twin)
    )
    return (
        f"(select s.* from staging.{held.name} as s where {known} "
        f"union all "
        f"select s.* from staging.{held.twin} as s "
        f"join ops.load as sf on sf.load_id = s.load_id where {known} and {earlier})"
    )


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
