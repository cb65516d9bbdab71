"""The account of one load: every row it read is staged, duplicate, ignored or rejected.

What belongs here: counting, by what was read and what was decided. What does not: reading
(``ecorse.clean``), deciding (``rows``), writing it down (``ledger``).
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import NamedTuple

from ecorse.clean.account import LINES_ADDED, Account
from ecorse.ingest.rows import Moves


class Counted(NamedTuple):
    """The figures of a row of ``ops.load``."""

    rows_read: int
    rows_staged: int
    rows_duplicate: int
    rows_ignored: int
    rows_rejected: int
    rows_by_table: dict[str, int]
    lines_added: int
    money_staged: Decimal
    money: dict[str, Decimal]
    counts: dict[str, dict[str, int]]


def count(account: Account, moves: Moves, table: str) -> Counted:
    """Count a load: what was new for certain, with what was staged later and without what went.

    Parameters
    ----------
    table
        The table of the source, whose rows are the rows of the file, apart from lines that were
        added to them.
    """
    rows, staged = Counter(account.lines), account.money
    for sign, moved in ((1, moves.staged), (-1, moves.set_aside)):
        for name, move in moved.items():
            rows[name] += sign * move.rows
            staged += sign * move.money
    added = rows.pop(LINES_ADDED, 0)
    own = rows[table]
    rejected, ignored = sum(account.rejected.values()), sum(account.ignored.values())
    duplicate = account.rows_read - rejected - ignored - own
    across = moves.set_aside[table].rows if table in moves.set_aside else 0
    counts = {
        "duplicate": {
            "duplicate_in_file": duplicate - across,
            "duplicate_across_files": across,
        },
        "ignored": dict(account.ignored),
        "rejected": dict(account.rejected),
        "flagged": dict(account.flagged),
        "warned": dict(account.broken),
        "replaced": {
            "line_key": moves.replaced.rows,
            "taken_back": moves.taken_back.rows,
            "unsaid": moves.unsaid.rows,
        },
    }
    kept = {
        kind: {rule: number for rule, number in rules.items() if number}
        for kind, rules in counts.items()
    }
    rows[table] += added
    return Counted(
        rows_read=account.rows_read,
        rows_staged=own,
        rows_duplicate=duplicate,
        rows_ignored=ignored,
        rows_rejected=rejected,
        rows_by_table={name: n for name, n in rows.items() if n or name == table},
        lines_added=added,
        money_staged=staged,
        money=_money(account, moves, staged),
        counts={k: v for k, v in kept.items() if v or k not in ("flagged", "replaced", "warned")},
    )


def _money(account: Account, moves: Moves, staged: Decimal) -> dict[str, Decimal]:
    """What became of the money of the rows that could be read, without what is nothing.

    Rows of a key that came twice are known to be rejected only when all others are staged: their
    money is among the cleaned.
    """
    across = sum((move.money for move in moves.set_aside.values()), Decimal(0))
    money = {
        "staged": staged,
        "duplicate_in_file": account.money_cleaned - account.money_contradicting - staged - across,
        "duplicate_across_files": across,
        "rejected": account.money_aside["rejected"] + account.money_contradicting,
        "left_out": account.money_aside["left_out"],
        "replaced": moves.replaced.money,
        "taken_back": moves.taken_back.money,
        "unsaid": moves.unsaid.money,
    }
    return {name: amount for name, amount in money.items() if amount or name == "staged"}


def about_elsewhere(moves: Moves, currency: str) -> list[str]:
    """What to say of orders that other files hold otherwise: with other content, or more lines."""
    told = []
    if moves.unsaid.rows:
        told.append(
            f"{moves.unsaid.rows} earlier lines of orders of this file are not in it, worth "
            f"{moves.unsaid.money:,.2f} {currency}: they go on counting as they were, for a file "
            "may have some lines of an order only. If this export always has whole orders, these "
            "lines were taken out of theirs: `ecorse withdraw` the earlier loads that it repeats."
        )
    if (found := moves.elsewhere) is not None:
        told.append(
            f"{found.orders} orders of this file are in other files of the source with other "
            f"content: {found.rows} lines, {found.money:,.2f} {currency}, which count beside those "
            f"(such as order {found.order_id} on line {found.line}, and {found.file_name}). If a "
            "later export states a line anew, it counts twice: declare `line_key`, the columns "
            "that name a line, and later files replace earlier lines."
        )
    return told
