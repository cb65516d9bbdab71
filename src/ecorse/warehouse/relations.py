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

PUBLISHED = "(select build_id from ops.current_build)"
LOOK_UP: Final = "look up"

# the column that `as_of` cuts on, and what makes two staged lines the same line
STAGING_TIME = {"order_lines": "ordered_at"}
SAME_LINE = (
    "shop_id", "order_id", "product_id", "quantity", "unit_price", "ordered_local", "status",
)  # fmt: skip
SAME_NULLABLE = ("customer_id", "address", "platform")


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
    time_column = STAGING_TIME.get(table)
    if time_column is None:
        raise ConfigError(
            f"A mart reads staging.{table}, which does not exist. Known: {', '.join(STAGING_TIME)}."
        )
    known = (
        f"s.load_id in (select bl.load_id from ops.build_load as bl where bl.build_id = {build})"
    )
    if as_of == LOOK_UP:
        known += (
            f" and s.{time_column} <= coalesce("
            f"(select b.as_of from ops.build as b where b.build_id = {build}), 'infinity')"
        )
    elif as_of is not None:
        known += f" and s.{time_column} <= cast('{as_of.isoformat()}' as timestamptz)"
    same = " and ".join(
        [f"e.{c} = s.{c}" for c in SAME_LINE]
        + [f"e.{c} is not distinct from s.{c}" for c in SAME_NULLABLE]
    )
    # What refers to s stands in the where clause: only then is this a hashed anti-join, and not
    # a search through staging for each repeated line.
    earlier = " and ".join(
        f"not exists (select 1 from staging.{held} as e "
        f"join ops.build_load as el on el.load_id = e.load_id and el.build_id = {build} "
        f"join ops.load as ef on ef.load_id = e.load_id "
        f"where ef.source = sf.source and e.load_id < s.load_id and {same})"
        for held in (table, f"repeated_{table}")
    )
    return (
        f"(select s.* from staging.{table} as s where {known} "
        f"union all "
        f"select s.* from staging.repeated_{table} as s "
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
