"""How many rows of a file may be rejected before the whole file is refused.

What belongs here: the limit, and what the refusal says. What does not: rejecting rows (``clean``),
and writing the refusal down (``run``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from ecorse.errors import TooManyRejects
from ecorse.ingest.ledger import LoadRow
from ecorse.ingest.summary import money_as
from ecorse.settings import Settings, get_settings

EXAMPLES = 3
RULES_TOLD = 5


def refuse_over_limit(conn: psycopg.Connection, load: LoadRow, replaced: Sequence[int]) -> None:
    """Refuse a load most of which would be missing; called before it counts.

    A load is over the limit if more than a share of its rows *and* more than a number of rows were
    rejected: one of three rows is no reason to refuse two. A load of which no row is left does not
    take the place of one that has rows, however few they are.

    Parameters
    ----------
    conn
        The load's connection, whose temporary table ``rejected`` holds its rejects.
    replaced
        The loads whose place it would take.

    Raises
    ------
    TooManyRejects
        It is over the limit. The message has counts, money, examples and what to do.
    """
    settings = get_settings()
    if is_over_limit(load.rows_read, load.rows_rejected, settings):
        share, rows = f"{settings.reject_limit_share:.0%}", settings.reject_limit_rows
        reason = f"more than {share} and more than {rows} rows, the limit"
        way_out = "raise ECORSE_REJECT_LIMIT_SHARE or ECORSE_REJECT_LIMIT_ROWS"
    elif replaced and load.rows_rejected and not load.rows_staged + load.rows_duplicate:
        reason = "none is left, and the file's earlier content has rows"
        way_out = f"withdraw its earlier content first (`ecorse withdraw {max(replaced)}`)"
        if not _has_rows(conn, replaced):
            return
    else:
        return
    raise _refusal(conn, load, reason, way_out)


def is_over_limit(rows_read: int, rows_rejected: int, settings: Settings) -> bool:
    """Whether so many rejected rows refuse a file."""
    return (
        rows_rejected > settings.reject_limit_rows
        and rows_rejected > settings.reject_limit_share * rows_read
    )


def _has_rows(conn: psycopg.Connection, loads: Sequence[int]) -> bool:
    row = conn.execute(
        "select exists (select from ops.load where load_id = any(%s) "
        "and rows_staged + rows_duplicate > 0)",
        (list(loads),),
    ).fetchone()
    return row == (True,)


def _refusal(conn: psycopg.Connection, load: LoadRow, reason: str, way_out: str) -> TooManyRejects:
    rules = sorted(load.counts.get("rejected", {}).items(), key=lambda one: (-one[1], one[0]))
    examples = _examples(conn)
    money = money_as(load.money, "rejected")
    worth = f", worth {money:,.2f} {load.currency} as far as it can be read" if money else ""
    told = ", ".join(f"{rule} {rows:,}" for rule, rows in rules[:RULES_TOLD])
    more = f" and {len(rules) - RULES_TOLD} more" if len(rules) > RULES_TOLD else ""
    share = load.rows_rejected / load.rows_read
    message = (
        f"{load.file_name}: {load.rows_rejected:,} of {load.rows_read:,} rows ({share:.0%}) were "
        f"rejected{worth}: {reason}. Nothing of the file was loaded; what the shop had stays. "
        f"Rejected by {told}{more}. Such as: {' '.join(examples)} Mend the file or its mapping and "
        f"ingest again; `ecorse source check FILE --source {load.source} --shop {load.shop_id}` "
        f"names every row. To let it in as it is, {way_out}."
    )
    detail: dict[str, Any] = {
        "rows_read": load.rows_read,
        "rows_rejected": load.rows_rejected,
        "money_rejected": f"{money}",
        "currency": load.currency,
        "rejected": dict(rules),
        "examples": examples,
    }
    return TooManyRejects(message, detail)


def _examples(conn: psycopg.Connection) -> list[str]:
    """The sentences of a few rejects: the first of each rule, then the next ones."""
    rows = conn.execute(
        """
        select sentence from (
            select sentence, source_line,
                row_number() over (partition by rule order by source_line) as place
            from rejected
        ) as q order by place, source_line limit %s
        """,
        (EXAMPLES,),
    ).fetchall()
    return [sentence for (sentence,) in rows]
