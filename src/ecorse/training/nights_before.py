"""Published nights before a build, and what stands in them.

What belongs here: which builds they are, whether they are kept, the day of their data. What does
not: reading what a model said in them (``before``, ``labels_before``).
"""

from __future__ import annotations

from datetime import date

import psycopg
from psycopg import sql

CHAIN = """
with recursive chain as (
    select c.build_id, 1 as place
    from ops.current_build as c
    union all
    select p.previous_build_id, chain.place + 1
    from chain
    inner join ops.publication as p on p.build_id = chain.build_id and p.action = 'publish'
    where p.previous_build_id is not null
)
select chain.build_id, kept.build_id is not null as is_kept
from chain
left join builds.build_pointer as kept on kept.build_id = chain.build_id
inner join ops.build as b on b.build_id = chain.build_id
inner join ops.build as this on this.build_id = %s
where chain.build_id <> this.build_id and (this.as_of is null or b.as_of <= this.as_of)
order by chain.place
"""

DAY = """
select coalesce(
    (select max(order_date) from {} where build_id = %(build_id)s and shop_id = %(shop_id)s),
    (
        select max(cast(l.known_at at time zone l.time_zone as date))
        from ops.build_load as b inner join ops.load as l on l.load_id = b.load_id
        where b.build_id = %(build_id)s and exists (
            select from staging.customers as c
            where c.load_id = l.load_id and c.shop_id = %(shop_id)s
        )
    )
)
"""


def published_before(conn: psycopg.Connection, build_id: int) -> list[tuple[int, bool]]:
    """The builds that were published before this one, back from the published one, and whether
    each is still kept; of an earlier day (``as_of``) none that knew what came later."""
    return conn.execute(CHAIN, (build_id,)).fetchall()


def day_of(conn: psycopg.Connection, orders: str, build_id: int, shop_id: str) -> date | None:
    """The last day of a shop's data in a build; without an order the day its last customer
    file came.
    """
    row = conn.execute(
        sql.SQL(DAY).format(sql.Identifier("builds", orders)),
        {"build_id": build_id, "shop_id": shop_id},
    ).fetchone()
    return row[0] if row else None


def columns_of(conn: psycopg.Connection, table: str) -> set[str]:
    """The columns of a mart over all its nights; none where there was no night with it."""
    rows = conn.execute(
        """
        select a.attname from pg_attribute as a
        where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped
        """,
        (f"builds.{table}",),
    )
    return {name for (name,) in rows}
