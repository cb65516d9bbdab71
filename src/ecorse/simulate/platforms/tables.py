"""Writing rows as the text of an export: one place for quoting, line ends and encoding.

What belongs here: rows to bytes. What does not: which rows (one module per platform).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

from ecorse.simulate.platforms.books import Books, Order

Row = Mapping[str, object]
Day = Mapping[str, Decimal]
_QUOTING: Mapping[str, Literal[0, 1, 3]] = {
    "all": csv.QUOTE_ALL,
    "where needed": csv.QUOTE_MINIMAL,
    "never": csv.QUOTE_NONE,
}


def table(
    header: Sequence[str],
    rows: Iterable[Row],
    *,
    delimiter: str = ",",
    line_end: str = "\n",
    encoding: str = "utf-8",
    quoted: Literal["all", "where needed", "never"] = "where needed",
) -> bytes:
    """Write rows below a header; what a row does not say is empty, what no column holds is told."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(
        text,
        header,
        restval="",
        delimiter=delimiter,
        lineterminator=line_end,
        quoting=_QUOTING[quoted],
        quotechar=None if quoted == "never" else '"',
    )
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def dollars(amount: Decimal, sign: str = "$") -> str:
    """Write money as ``$1,234.50``, below zero as ``-$1,234.50``."""
    return f"{'-' if amount < 0 else ''}{sign}{abs(amount):,.2f}"


def daily_report(
    books: Books, calendar: str, first: str, columns: Mapping[str, Callable[[date, Day], object]]
) -> bytes:
    """Write a report of one row per day: the column of the day, then each column's figure."""
    rows = [
        {first: day.isoformat()} | {name: figure(day, sums) for name, figure in columns.items()}
        for day, sums in books.by_day(calendar).items()
    ]
    return table((first, *columns), rows)


def orders_of_day(books: Books) -> Callable[[date, Day], int]:
    """How many orders were placed on a day, as a figure of a report."""
    counts: dict[date, int] = {}
    for order in books.counted:
        day = books.local(order.at).date()
        counts[day] = counts.get(day, 0) + 1
    return lambda day, _: counts.get(day, 0)


def once(order: Order, number: int, values: Row) -> Row:
    """Values that stand on the order's first line only."""
    return values if number == order.lines[0].number else {}
