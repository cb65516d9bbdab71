"""Headers of several rows whose upper names stand over a group of columns, as merged cells do.

What belongs here: carrying a group's name to each of its columns. What does not: finding the header
(``ecorse.clean.sniff``).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ecorse.clean.cells import TYPED, look_of
from ecorse.clean.finding import Finding, Sniffed
from ecorse.clean.stream import open_text

Row = list[str]


def with_groups(path: Path, found: Sniffed) -> Sniffed:
    """The shape with every column's name after its group, where a row of groups stands above.

    The names are the file's own and what belongs to what is a guess: it is asked about.
    """
    shape = found.shape
    if found.kind != "text" or shape.names or not shape.header_rows or len(shape.delimiter) != 1:
        return found
    above = 1 if shape.header_rows == 1 and shape.skip_rows else 0
    first = shape.skip_rows - above
    rows = _rows(path, found)[first : first + above + shape.header_rows]
    if len(rows) < 2 or not any(_is_groups(row, rows[-1]) for row in rows[:-1]):
        return found
    made = [*(_carried(row, rows[-1]) for row in rows[:-1]), rows[-1]]
    names = tuple(
        " ".join(part.strip() for part in parts if part.strip())
        for parts in zip(*made, strict=True)
    )
    groups = ", ".join(repr(text) for text in dict.fromkeys(made[0]) if text)
    sentence = (
        f"line {first + 1} has names over groups of columns ({groups}): each is put before the "
        "names of its own column and of the empty ones to the right. Does each group end there?"
    )
    findings = [f for f in found.findings if f.part not in ("skip_rows", "header_rows")]
    shape = replace(shape, skip_rows=first, header_rows=len(rows), names=names)
    return replace(found, shape=shape, findings=(*findings, Finding("names", False, sentence)))


def _rows(path: Path, found: Sniffed) -> list[Row]:
    """The first lines of the file, as fields."""
    shape = found.shape
    with path.open("rb") as file:
        data = next(iter(open_text(file, shape, path.name).blocks), b"")
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = text.splitlines(keepends=True)[: shape.skip_rows + shape.header_rows]
    reader = csv.reader(
        io.StringIO("".join(lines), newline=""),
        delimiter=shape.delimiter, quotechar=shape.quote or None,
        quoting=csv.QUOTE_MINIMAL if shape.quote else csv.QUOTE_NONE,
    )  # fmt: skip
    return [[field.strip() for field in row] for row in reader]


def _is_groups(row: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a row has words over some columns only: the first of each group."""
    filled = [place for place, text in enumerate(row) if text]
    return (
        len(row) == len(names)
        and 2 <= len(filled) < len(row)
        and filled[-1] * 2 >= len(row)  # "Shop:,Main,,," is a line above the table
        and all(look_of(row[place]) not in TYPED for place in filled)
    )


def _carried(row: Sequence[str], names: Sequence[str]) -> Row:
    """A row whose empty cells have the group to their left."""
    if not _is_groups(row, names):
        return list(row)
    carried: Row = []
    for text in row:
        carried.append(text or (carried[-1] if carried else ""))
    return carried
