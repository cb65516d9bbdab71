"""Where a load stands among those of its source, where lines have keys: later ones replace earlier.

What belongs here: the order of contents, and when a file says one anew. What does not: the rows
(``keyed``). Everything runs in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import psycopg


class Place(NamedTuple):
    """Where a load stands among the keyed loads of its source: its rows replace earlier ones."""

    line_order: int
    earlier: Sequence[int]


def place_of(
    conn: psycopg.Connection,
    shop_id: str,
    source: str,
    *,
    file_name: str,
    sha256: str,
    load_id: int,
    replaced: Sequence[int],
) -> Place:
    """The place of a load: the last, unless its file has the content it had when last seen.

    A content that is read again (by other rules, by a replay) keeps the place it had.
    """
    row = conn.execute(
        "select line_order from ops.seen_file "
        "where shop_id = %s and source = %s and file_name = %s and sha256 = %s",
        (shop_id, source, file_name, sha256),
    ).fetchone()
    line_order = row[0] if row else load_id
    earlier = conn.execute(
        """
        select load_id from ops.load
        where shop_id = %s and source = %s and line_order < %s and superseded_at is null
            and load_id <> all(%s)
        order by load_id
        """,
        (shop_id, source, line_order, list(replaced)),
    ).fetchall()
    return Place(line_order, [load for (load,) in earlier])


def note_seen(
    conn: psycopg.Connection,
    shop_id: str,
    source: str,
    *,
    file_name: str,
    sha256: str,
    line_order: int,
) -> None:
    """Remember which content a file has, and its place; a content that it had keeps its own."""
    conn.execute(
        """
        insert into ops.seen_file (shop_id, source, file_name, sha256, line_order)
        values (%s, %s, %s, %s, %s)
        on conflict (shop_id, source, file_name) do update set sha256 = excluded.sha256,
            line_order = excluded.line_order, seen_at = clock_timestamp()
        where seen_file.sha256 <> excluded.sha256
        """,
        (shop_id, source, file_name, sha256, line_order),
    )


def is_told_anew(conn: psycopg.Connection, load_id: int, *, file_name: str, sha256: str) -> bool:
    """Whether a file that has another load's content says it anew, after other loads.

    It does if it had this content first when others had come already: its rows may have been
    replaced since the load (``load_id``) that holds the content.
    """
    row = conn.execute(
        """
        select case
            when seen.sha256 = %(sha256)s then seen.line_order > l.line_order
            else exists (
                select from ops.load as later
                where later.shop_id = l.shop_id and later.source = l.source
                    and later.line_order > l.line_order and later.superseded_at is null
            ) end
        from ops.load as l left join ops.seen_file as seen on seen.shop_id = l.shop_id
            and seen.source = l.source and seen.file_name = %(file)s
        where l.load_id = %(load)s and l.line_order is not null
        """,
        {"file": file_name, "sha256": sha256, "load": load_id},
    ).fetchone()
    return bool(row and row[0])
