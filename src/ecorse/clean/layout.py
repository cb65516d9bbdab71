"""Finding what is what among the records of a sample: lines above, header, rows, totals, the end.

What belongs here: the judgement on records. What does not: how they were parted (``dialect``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ecorse.clean.cells import TYPED, look_of
from ecorse.clean.dialect import Record
from ecorse.clean.second_table import are_names
from ecorse.clean.totals import BEGINS

LOOKED_AT = 60  # records in which the header must stand
MOST_HEADER_ROWS = 3
CONSISTENT = 0.7  # of a column's values that look alike


@dataclass(frozen=True)
class Layout:
    """Places in a list of records: ``header`` is empty where the table has none.

    ``above`` records stand above the header (or the first row); ``end`` is the place of the first
    record behind the table; ``totals`` are places of rows of sums inside it. ``looks`` has what
    most values of each column look like, empty where they differ.
    """

    above: int
    header: range
    width: int
    looks: tuple[str, ...]
    is_broken_header: bool = False
    is_sure: bool = True
    end: int | None = None
    second: Sequence[str] = ()
    totals: tuple[int, ...] = ()


def find_layout(records: Sequence[Record], width: int) -> Layout:
    """Find a table of ``width`` columns among records in file order."""
    first = next((i for i, r in enumerate(records) if _is_full(r, width)), None)
    if first is None:
        return Layout(0, range(0), width, ("",) * width, is_sure=False)
    looks = _looks(records, first, width)
    above, broken = _start(records, first, width)
    rows = 0
    while rows < MOST_HEADER_ROWS and _is_words(records, above + rows, looks, broken and not rows):
        rows += 1
    if rows == MOST_HEADER_ROWS and _is_words(records, above + rows, looks, False):
        rows = 1  # a table of words alone
    typed = [look for look in looks if look in TYPED]
    is_sure = bool(typed)
    if not typed and rows > 1:
        rows = 1
    header = range(above, above + rows)
    end, second = _end(records, header.stop, width, looks)
    totals = tuple(
        i for i in range(header.stop, len(records) if end is None else end) if is_total(records[i])
    )
    if end is None and totals and all(
        i in totals or not any(text.strip() for text in records[i].fields)
        for i in range(totals[0], len(records))
    ):  # fmt: skip
        end, totals = totals[0], ()
    return Layout(
        above, header, width, looks, broken and bool(rows), is_sure, end, second, totals
    )  # fmt: skip


def is_total(record: Record) -> bool:
    """Whether a record is a row of sums, by its first value."""
    values = [text for text in record.fields if text.strip()]
    return bool(values) and len(values) < len(record.fields) and bool(BEGINS.match(values[0]))


def _is_full(record: Record, width: int) -> bool:
    """Whether a record could be the header or a row: sound, and most of its values are there."""
    filled = sum(bool(text.strip()) for text in record.fields)
    return record.is_sound and len(record.fields) == width and filled * 2 > width


def _start(records: Sequence[Record], first: int, width: int) -> tuple[int, bool]:
    """Where the table begins, and whether with a header of another width.

    Such a header stands directly above the first full record, and is words like one.
    """
    if first and not all(look_of(t) == "text" for t in records[first].fields if t.strip()):
        before = records[first - 1]
        filled = [text for text in before.fields if text.strip()]
        is_near = abs(len(before.fields) - width) <= 2 and len(filled) * 2 > width
        if is_near and len(before.fields) != width and are_names(before.fields):
            return first - 1, True
    return first, False


def _looks(records: Sequence[Record], first: int, width: int) -> tuple[str, ...]:
    """What most values of each column look like, the first few records left out."""
    body = [r for r in records[first + 1 :] if r.is_sound and len(r.fields) == width]
    body = body[MOST_HEADER_ROWS - 1 :] if len(body) > 2 * MOST_HEADER_ROWS else body
    looks = []
    for i in range(width):
        seen = Counter(look for r in body if (look := look_of(r.fields[i])) != "empty")
        look, times = max(seen.items(), key=lambda item: item[1], default=("", 0))
        looks.append(look if times >= CONSISTENT * max(seen.total(), 1) else "")
    return tuple(looks)


def _is_words(
    records: Sequence[Record], place: int, looks: Sequence[str], is_other_width: bool
) -> bool:
    """Whether a record has words where the columns have numbers, dates and addresses."""
    if place >= len(records) or not records[place].is_sound:
        return False
    fields = records[place].fields
    if is_other_width:
        return True
    if len(fields) != len(looks):
        return False
    typed = [text for text, look in zip(fields, looks, strict=True) if look in TYPED]
    if typed:
        return all(look_of(text) not in TYPED for text in typed) and any(t.strip() for t in typed)
    return are_names(fields)


def _end(
    records: Sequence[Record], start: int, width: int, looks: Sequence[str]
) -> tuple[int | None, Sequence[str]]:
    """The place of a second table's header and its names; of its own width, or of another."""
    header = {record.text for record in records[:start]}  # repeated, it is counted and left out
    for i in range(start + 1, len(records)):
        fields = records[i].fields
        if not records[i].is_sound or records[i].text in header or not are_names(fields):
            continue
        if len(fields) == width:
            if any(look in TYPED for look in looks) and _is_words(records, i, looks, False):
                return i, fields
            continue
        below = [r.fields for r in records[i + 1 : i + 3] if r.is_sound]
        if len(below) == 2 and all(
            len(row) == len(fields) and any(look_of(text) in TYPED for text in row)
            for row in below
        ):  # fmt: skip
            return i, fields
    return None, ()
