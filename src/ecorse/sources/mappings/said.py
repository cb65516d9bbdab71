"""What orders state once, on one of their rows or on each: who says it first, who otherwise.

What belongs here: comparing statements within a file. What does not: the lines that are made of
them (``added``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.hashes import Hashes, hash_texts
from ecorse.clean.numbers import SCALE

KNOWN = -1  # in place of a row: an earlier block said it


@dataclass
class SaidOnce:
    """What the orders of one file have said so far: the money of each, in ten-thousandths."""

    amounts: Hashes = field(default_factory=Hashes)


class Seen(NamedTuple):
    """Statements beside those that lead their orders, one entry per statement.

    ``rows`` are their places; ``leaders`` the place of the row that speaks for the order, or
    ``KNOWN``; ``agrees``: whether it says the same; ``is_again``: it says the same of a row that
    is taken back, while the order's is sold.
    """

    rows: NDArray[np.int64]
    leaders: NDArray[np.int64]
    agrees: NDArray[np.bool_]
    is_again: NDArray[np.bool_]


@dataclass
class Once:
    """One value that orders state once, on a block's rows.

    Parameters
    ----------
    orders
        What states it once; null: nobody.
    money
        What it adds, in ten-thousandths.
    states
        Whether a row states it.
    is_back
        Whether the row is taken back, and its value with it. A row that is sold speaks for its
        order before one that is taken back, which may only say the same.
    """

    orders: pl.Series
    money: NDArray[np.int64]
    states: NDArray[np.bool_]
    is_back: NDArray[np.bool_]
    said: SaidOnce

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """The orders' hashes, one per row."""
        return hash_texts(self.orders)

    def look(self, kept: NDArray[np.bool_]) -> Seen:
        """Hold the statements of the kept rows against those that lead their orders."""
        rows = np.flatnonzero(self.states & kept)
        hashes, money, is_back = self.hashes[rows], self.money[rows], self.is_back[rows]
        known = self.said.amounts.find(hashes)
        order = np.lexsort((rows, is_back, hashes))
        starts = np.ones(len(order), np.bool_)
        starts[1:] = hashes[order][1:] != hashes[order][:-1]
        leading = np.empty(len(order), np.int64)
        leading[order] = order[starts][np.cumsum(starts) - 1]
        expected = np.where(known.is_known, known.numbers, money[leading])
        is_again = is_back & (money != expected) & (-money == expected)
        leaders = np.where(known.is_known, KNOWN, rows[leading])
        return Seen(rows, leaders, (money == expected) | is_again, is_again)

    def settle(self) -> tuple[NDArray[np.bool_], int]:
        """Remember what the rows say; gives which of them speak for their orders.

        And how many repeat, of a row that is taken back, what is sold all the same.
        """
        seen = self.look(np.ones(len(self.states), np.bool_))
        is_first = np.zeros(len(self.states), np.bool_)
        is_first[seen.rows[seen.leaders == seen.rows]] = True
        self.said.amounts.add(self.hashes[is_first], self.money[is_first])
        return is_first, int(seen.is_again.sum())


def contradicting(statements: Sequence[Once], rows: int) -> list[NDArray[np.bool_]]:
    """Which of a block's rows contradict their order, by statement.

    A row that contradicts its order in one value speaks for it in no other: the next row does.
    """
    kept = np.ones(rows, np.bool_)
    marks = [np.zeros(rows, np.bool_) for _ in statements]
    while True:
        seen = [one.look(kept) for one in statements]
        is_wrong = np.zeros(rows + 1, np.bool_)  # the last stands for KNOWN, which never is
        for found in seen:
            is_wrong[found.rows[~found.agrees]] = True
        if not is_wrong.any():
            return marks
        # wrong for certain: those that contradict a row which itself contradicts none
        certain = [found.rows[~found.agrees & ~is_wrong[found.leaders]] for found in seen]
        if not any(len(places) for places in certain):
            first = int(np.flatnonzero(is_wrong)[0])
            certain = [np.intersect1d([first], found.rows[~found.agrees]) for found in seen]
        for mark, places in zip(marks, certain, strict=True):
            mark[places] = True
            kept[places] = False


def unsaid(aside: SaidOnce, said: Sequence[SaidOnce]) -> Decimal:
    """The money of what ``aside`` says and none of the others."""
    total = 0
    for hashes, money in aside.amounts.runs():
        is_said = np.zeros(len(hashes), np.bool_)
        for other in said:
            is_said |= other.amounts.find(hashes).is_known
        total += sum(money[~is_said].tolist())
    return Decimal(total).scaleb(-SCALE)
