"""Holding back one shop's trouble: the shop keeps what is published, the others go on.

What belongs here: what is wrong with the loads of a shop when a build is opened, and giving the
shop the loads of the published build instead. What does not: checks of what a build has made
(``night_checks``), refusing files (``ecorse.ingest``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import psycopg

from ecorse.refresh.relations import PUBLISHED, staging_at
from ecorse.settings import get_settings

SHRANK, KEYS, CURRENCIES = "shrank", "keys", "currencies"


@dataclass(frozen=True)
class Held:
    """A shop whose new loads are not in a build, and why, in a sentence."""

    shop_id: str
    reason: str
    sentence: str


def hold_back(conn: psycopg.Connection, build_id: int, accept: Collection[str]) -> list[Held]:
    """Give shops whose loads are not sound the loads of the published build; gives these shops.

    A shop that is not published yet is left out of the build. Called in the transaction that opens
    a build of what counts now, after its loads were written down.

    Parameters
    ----------
    accept
        Shops that may have lost rows: a person has looked.

    """
    found: dict[str, Held] = {}
    for held in (
        *_keys(conn, build_id),
        *_currencies(conn, build_id),
        *_shrunk_sources(conn, build_id, accept),
    ):
        found.setdefault(held.shop_id, held)
    for held in _shrunk_shops(conn, build_id, accept, found):
        found.setdefault(held.shop_id, held)
    for held in found.values():
        _replace(conn, build_id, held)
    return sorted(found.values(), key=lambda held: held.shop_id)


def held_in(conn: psycopg.Connection, build_id: int) -> list[str]:
    """Why shops are held back in a build, a sentence each, by shop."""
    rows = conn.execute(
        "select sentence from ops.held_back where build_id = %s order by shop_id", (build_id,)
    )
    return [sentence for (sentence,) in rows]


def all_are_held(conn: psycopg.Connection, build_id: int) -> bool:
    """Whether a build would be nothing but the published one again."""
    row = conn.execute(
        """
        select exists (select from ops.held_back where build_id = %(build)s) and not exists (
            select from ops.build_load as b join ops.load as l on l.load_id = b.load_id
            where b.build_id = %(build)s and l.shop_id not in (
                select shop_id from ops.held_back where build_id = %(build)s)
        )
        """,
        {"build": build_id},
    ).fetchone()
    return row == (True,)


def _keys(conn: psycopg.Connection, build_id: int) -> list[Held]:
    rows = conn.execute(
        """
        select l.shop_id, l.source,
            string_agg(l.load_id::text, ', ' order by l.load_id)
                filter (where b.line_order is null)
        from ops.build_load as b join ops.load as l on l.load_id = b.load_id
        where b.build_id = %s and l.rows_by_table ? 'order_lines'
        group by l.shop_id, l.source
        having count(b.line_order) between 1 and count(*) - 1
        """,
        (build_id,),
    ).fetchall()
    return [
        Held(shop_id, KEYS, _told(shop_id,
            f"load {loads} of {source} was read before its lines had a key (line_key), so lines "
            "that later loads hold too would count twice",
            "Ingest these files again, or `ecorse replay LOAD`",
        ))
        for shop_id, source, loads in rows
    ]  # fmt: skip


def _currencies(conn: psycopg.Connection, build_id: int) -> list[Held]:
    rows = conn.execute(
        """
        select l.shop_id, string_agg(distinct l.currency, ' and ')
        from ops.build_load as b join ops.load as l on l.load_id = b.load_id
        where b.build_id = %s and l.rows_by_table ? 'order_lines'
        group by l.shop_id having count(distinct l.currency) > 1
        """,
        (build_id,),
    ).fetchall()
    return [
        Held(shop_id, CURRENCIES, _told(shop_id,
            f"its loads are in {currencies}, so their sums mean nothing",
            "Say the one currency in include/shops.toml and replay the loads that were read in "
            "another (`ecorse replay LOAD`; `ecorse status` shows them)",
        ))
        for shop_id, currencies in rows
    ]  # fmt: skip


def _shrunk_sources(conn: psycopg.Connection, build_id: int, accept: Collection[str]) -> list[Held]:
    """Shops of which a source has fewer rows than in the published night, by the ledger."""
    by_source = (
        "select l.shop_id, l.source, sum(l.rows_staged + l.rows_duplicate) as rows "
        "from ops.load as l join ops.build_load as bl on bl.load_id = l.load_id "
        "where bl.build_id = {} group by l.shop_id, l.source"
    )
    rows = conn.execute(
        f"""
        select p.shop_id, p.source, p.rows, coalesce(n.rows, 0)
        from ({by_source.format(PUBLISHED)}) as p
        left join ({by_source.format("%(build)s")}) as n
            on n.shop_id = p.shop_id and n.source = p.source
        where coalesce(n.rows, 0) < (1 - %(share)s::numeric) * p.rows
            and p.shop_id <> all(%(accept)s)
        order by p.shop_id, p.source
        """,
        {"build": build_id, "share": get_settings().max_shrink_share, "accept": list(accept)},
    ).fetchall()
    return [_shrunk(shop_id, f"rows of {source}", *counts) for shop_id, source, *counts in rows]


def _shrunk_shops(
    conn: psycopg.Connection, build_id: int, accept: Collection[str], others: Collection[str]
) -> list[Held]:
    """Shops with fewer lines than in the published night; counted where they lost a load.

    A load is of one shop, and its simulated rows are of another: each is compared by itself, and
    accepted by its own name; held back is the shop whose loads they are.
    """
    lost = [
        shop_id
        for (shop_id,) in conn.execute(
            f"""
            select distinct l.shop_id from ops.build_load as p
            join ops.load as l on l.load_id = p.load_id
            where p.build_id = {PUBLISHED} and l.shop_id <> all(%(others)s) and not exists (
                select from ops.build_load as n
                where n.build_id = %(build)s and n.load_id = p.load_id)
            """,
            {"build": build_id, "others": list(others)},
        )
    ]
    if not lost:
        return []
    published, now = (
        {
            (load_shop, shop_id): lines
            for load_shop, shop_id, lines in conn.execute(
                f"select l.shop_id, s.shop_id, count(*) from {staging_at('order_lines', build)} "
                "as s join ops.load as l on l.load_id = s.load_id "
                "where l.shop_id = any(%s) group by l.shop_id, s.shop_id",
                (lost,),
            )
        }
        for build in (PUBLISHED, str(build_id))
    )
    least = 1 - get_settings().max_shrink_share
    return [
        _shrunk(load_shop, "order lines", lines, now.get((load_shop, shop_id), 0), of=shop_id)
        for (load_shop, shop_id), lines in sorted(published.items())
        if shop_id not in accept and now.get((load_shop, shop_id), 0) < least * lines
    ]


def _shrunk(shop_id: str, what: str, published: int, now: int, *, of: str = "") -> Held:
    """Rows of a shop, or those of another shop (``of``) that its loads hold too."""
    share, lost = get_settings().max_shrink_share, of or shop_id
    what = f"{what} of {lost}" if lost != shop_id else what
    return Held(shop_id, SHRANK, _told(shop_id,
        f"{published:,} {what} are published and {now:,} are left, a loss of more than "
        f"{share:.0%} (ECORSE_MAX_SHRINK_SHARE)",
        f"If this is right: `ecorse refresh --accept {lost}`, or accept = {lost} in the "
        "form of the DAG refresh",
    ))  # fmt: skip


def _told(shop_id: str, what: str, way_out: str) -> str:
    return f"{shop_id} is held back as it was published: {what}. {way_out}."


def _replace(conn: psycopg.Connection, build_id: int, held: Held) -> None:
    """Write a shop's trouble down, and put its published loads in the place of its new ones."""
    values = {"build": build_id, "shop": held.shop_id}
    conn.execute(
        """
        insert into ops.held_back (build_id, shop_id, reason, sentence, loads)
        select %(build)s, %(shop)s, %(reason)s, %(sentence)s,
            coalesce(array_agg(b.load_id order by b.load_id), '{}')
        from ops.build_load as b join ops.load as l on l.load_id = b.load_id
        where b.build_id = %(build)s and l.shop_id = %(shop)s
        """,
        {**values, "reason": held.reason, "sentence": held.sentence},
    )
    conn.execute(
        """
        delete from ops.build_load as b using ops.load as l
        where b.build_id = %(build)s and l.load_id = b.load_id and l.shop_id = %(shop)s
        """,
        values,
    )
    conn.execute(
        f"""
        insert into ops.build_load (build_id, load_id, line_order)
        select %(build)s, b.load_id, b.line_order
        from ops.build_load as b join ops.load as l on l.load_id = b.load_id
        where b.build_id = {PUBLISHED} and l.shop_id = %(shop)s
        """,
        values,
    )
