"""The account of one load: every row it read is staged, duplicate, ignored or rejected.

What belongs here: counting, by what was read and what was decided. What does not: reading
(``ecorse.clean``), deciding (``rows``), writing it down (``ledger``).
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import NamedTuple

from ecorse.clean.account import Account
from ecorse.ingest.rows import Moves


class Counted(NamedTuple):
    """The figures of a row of ``ops.load``."""

    rows_read: int
    rows_staged: int
    rows_duplicate: int
    rows_ignored: int
    rows_rejected: int
    rows_by_table: dict[str, int]
    money_staged: Decimal
    counts: dict[str, dict[str, int]]


def count(account: Account, moves: Moves, table: str) -> Counted:
    """Count a load: what was new for certain, with what was staged later and without what went.

    Parameters
    ----------
    table
        The table of the source, whose rows are the rows of the file.
    """
    rows, money = Counter(account.lines), account.money
    for sign, moved in zip((1, -1), moves, strict=True):
        for name, move in moved.items():
            rows[name] += sign * move.rows
            money += sign * move.money
    rejected, ignored = sum(account.rejected.values()), sum(account.ignored.values())
    duplicate = account.rows_read - rejected - ignored - rows[table]
    across = moves.set_aside[table].rows if table in moves.set_aside else 0
    counts = {
        "duplicate": {
            "duplicate_in_file": duplicate - across,
            "duplicate_across_files": across,
        },
        "ignored": dict(account.ignored),
        "rejected": dict(account.rejected),
    }
    if account.flagged:
        counts["flagged"] = dict(account.flagged)
    return Counted(
        rows_read=account.rows_read,
        rows_staged=rows[table],
        rows_duplicate=duplicate,
        rows_ignored=ignored,
        rows_rejected=rejected,
        rows_by_table={name: n for name, n in rows.items() if n or name == table},
        money_staged=money,
        counts={
            kind: {rule: number for rule, number in rules.items() if number}
            for kind, rules in counts.items()
        },
    )
