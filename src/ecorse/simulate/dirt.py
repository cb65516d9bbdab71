"""The dirt of real files, planted in known amounts.

What belongs here: how much of each kind, and turning clean lines of text into a dirty file's
lines while counting. What does not: which sales there are (``generate.py``), files (``write.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"
BLANK = ",,,,,"

# One row per kind of damage; {id} makes each a record of its own, {date} is a good date.
BROKEN_ROWS = {
    "quantity_not_a_number": '{id},HDMI Cable 2 m,two,8.99,{date},"12 Elm St, Denver, CO 80202"',
    "price_not_a_number": '{id},HDMI Cable 2 m,1,free,{date},"12 Elm St, Denver, CO 80202"',
    "impossible_date": '{id},HDMI Cable 2 m,1,8.99,02/30/{yy} 10:15,"12 Elm St, Denver, CO 80202"',
    "product_missing": '{id},,1,8.99,{date},"12 Elm St, Denver, CO 80202"',
    "short_row": "{id},HDMI Cable 2 m,1",
    "long_row": '{id},HDMI Cable 2 m,1,8.99,{date},"12 Elm St, Denver, CO 80202",x,y',
}


@dataclass(frozen=True)
class Dirt:
    """How much dirt of each kind, as shares of a file's clean lines.

    A share above 0 gives at least one such row in every file that has clean lines.
    ``outside_month`` and ``decimal_price`` change clean lines (a date on the first day after the
    file's month; ``600.0`` for ``600``, as a share of the lines with a whole price); the other
    kinds add rows. The defaults are near what monthly exports of small shops show.
    """

    blank: float = 0.003
    header: float = 0.002
    duplicate: float = 0.0015
    broken: float = 0.001
    outside_month: float = 0.0013
    decimal_price: float = 0.4

    def count(self, kind: str, clean_lines: int) -> int:
        """Give the number of rows of a kind in a file with so many clean lines."""
        share: float = getattr(self, kind)
        if share <= 0 or clean_lines == 0:
            return 0
        return max(1, round(share * clean_lines))


CLEAN = Dirt(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class DirtCounts:
    """What was added to one file, row by row."""

    blank_rows: int
    repeated_headers: int
    duplicate_rows: int
    broken_rows: dict[str, int]


def pick_lines(
    rng: np.random.Generator, candidates: NDArray[np.int64], n: int
) -> NDArray[np.int64]:
    """Pick ``n`` of the candidates without repetition (all of them when there are fewer)."""
    by_draw = np.argsort(rng.random(len(candidates)), kind="stable")
    return candidates[np.sort(by_draw[:n])]


def add_dirt(
    lines: list[str], dirt: Dirt, rng: np.random.Generator, *, tag: str, date_text: str
) -> tuple[list[str], DirtCounts]:
    """Put blank rows, repeated headers, exact duplicates and broken rows between clean lines.

    A duplicate stands right behind its original. ``tag`` keeps the order ids of broken rows apart
    from all others; ``date_text`` is a date in the file's format.
    """
    n = len(lines)
    blanks, headers = dirt.count("blank", n), dirt.count("header", n)
    copied = pick_lines(rng, np.arange(n), dirt.count("duplicate", n))
    added: list[tuple[int, str]] = [(int(i), lines[i]) for i in copied]

    broken_counts: dict[str, int] = {}
    kinds = list(BROKEN_ROWS)
    for number in range(dirt.count("broken", n)):
        kind = kinds[number % len(kinds)]
        broken_counts[kind] = broken_counts.get(kind, 0) + 1
        row = BROKEN_ROWS[kind].format(
            id=f"SIM-X{tag}{number + 1:05d}", date=date_text, yy=date_text[6:8]
        )
        added.append((int(rng.random() * n), row))
    added += [(int(u * n), BLANK) for u in rng.random(blanks)]
    added += [(int(u * n), HEADER) for u in rng.random(headers)]

    return _insert_behind(lines, added), DirtCounts(blanks, headers, len(copied), broken_counts)


def _insert_behind(lines: list[str], added: list[tuple[int, str]]) -> list[str]:
    """Insert each row behind the line of its index; rows at one index keep their order."""
    result: list[str] = []
    start = 0
    for index, row in sorted(added, key=lambda item: item[0]):
        result += lines[start : index + 1]
        result.append(row)
        start = max(start, index + 1)
    result += lines[start:]
    return result
