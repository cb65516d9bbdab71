"""Excel workbooks (.xlsx) as CSV text, sheet after sheet.

What belongs here: sheets, headers and cells. What does not: what a value means (``ecorse.clean``).
Runs in a process of its own (``ecorse.arms_length``), whose limits are all that bounds a workbook:
python-calamine holds a sheet as a full rectangle, 525,461 rows of 8 columns in 300 MB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from typing import TYPE_CHECKING, Any

from ecorse.clean.formats.base import (
    NUMBERS,
    Expected,
    Wanted,
    header_line,
    number_text,
    to_csv,
    understood,
)
from ecorse.errors import ContractError
from ecorse.schema.shape import Shape

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

BATCH_ROWS = 20_000
LOOKED_AT = 50  # rows of a sheet that are looked at for its header


def csv_blocks(path: str, file_name: str, said: Mapping[str, Any]) -> Iterator[bytes]:
    """Give the sheets' rows one after the other; every sheet's header stands before its rows.

    Empty sheets and charts are left out, and sheets that the shape does not name. A sheet's header
    is its first row that is not empty, behind what the shape skips. Rows above the first sheet's
    header are blank lines, so that the numbers of lines are those of its rows.

    Raises
    ------
    ContractError
        The workbook is damaged or encrypted, or is another kind of zip archive; or its sheets have
        different headers, or headers that are not wanted.
    """
    import python_calamine as calamine

    shape, wanted = understood(said)
    try:
        with calamine.CalamineWorkbook.from_path(path) as book:
            first: _Head | None = None
            sheets = _chosen(_worksheets(book), shape, file_name)
            for name in sheets:
                sheet = book.get_sheet_by_name(name)
                if (head := _head(sheet, shape)) is None:
                    continue
                is_other = first is not None and head.names != first.names
                if not shape.names and (is_other or not wanted.is_header(head.names)):
                    _refuse(book, sheets, shape, wanted, file_name)
                yield from _rows_of(sheet, head, wanted, is_first=first is None)
                first = first or head
            if first is None:
                raise ContractError(
                    f"{file_name}: no sheet of the workbook holds a row. Nothing was loaded. "
                    "Expected a header row with the names of the columns."
                )
    except (calamine.CalamineError, OSError) as error:
        raise _damaged(file_name, error) from None


def first_rows(path: str, file_name: str, number: int) -> Iterator[bytes]:
    """The names of a workbook's sheets, each with its first rows as text: a line of JSON each.

    Raises
    ------
    ContractError
        As ``csv_blocks``.
    """
    import python_calamine as calamine

    try:
        with calamine.CalamineWorkbook.from_path(path) as book:
            for name in _worksheets(book):
                rows = list(islice(_rows(book.get_sheet_by_name(name)), number))
                yield json.dumps([name, rows]).encode() + b"\n"
    except (calamine.CalamineError, OSError) as error:
        raise _damaged(file_name, error) from None


@dataclass(frozen=True)
class _Head:
    """A sheet that has rows: its header's rows, how many rows stand before them, and some below."""

    sheet: str
    above: int
    header: list[list[str]]
    names: list[str]
    below: list[list[str]]


def _chosen(sheets: Sequence[str], shape: Shape, file_name: str) -> Sequence[str]:
    if missing := [name for name in shape.sheet if name not in sheets]:
        raise ContractError(
            f"{file_name}: has no sheet {', '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, sheets))}. Nothing was loaded. Correct sheet = ... in the "
            "mapping."
        )
    return shape.sheet or sheets


def _head(sheet: CalamineSheet, shape: Shape) -> _Head | None:
    """The head of a sheet; nothing where it has no rows."""
    until = re.compile(shape.skip_until) if shape.skip_until else None
    rows = islice(enumerate(_rows(sheet)), shape.skip_rows, None)
    for above, row in rows:
        if any(row) if until is None else until.search(",".join(row)):
            header = [row, *(row for _, row in islice(rows, max(shape.header_rows - 1, 0)))]
            below = [row for _, row in islice(rows, LOOKED_AT)]
            names = [" ".join(filter(None, parts)) for parts in zip(*header, strict=True)]
            return _Head(sheet.name, above, header[: shape.header_rows], names, below)
    return None


def _refuse(
    book: CalamineWorkbook, sheets: Sequence[str], shape: Shape, wanted: Wanted, file_name: str
) -> None:
    """Refuse sheets of different headers, and say which sheet and row has the wanted one.

    Where none has it, and all are alike, the header is refused as that of any other file.
    """
    heads = [h for name in sheets if (h := _head(book.get_sheet_by_name(name), shape)) is not None]
    right = [head for head in heads if wanted.is_header(head.names)]
    others = [head for head in heads if head not in right]
    below = {head.sheet: row for head in others if (row := _found_below(head, wanted)) is not None}
    none = [head.sheet for head in others if head.sheet not in below]
    if others and (right or below):
        told = [f"sheet {sheet!r} has no header of lines" for sheet in none]
        told += [f"sheet {head.sheet!r} has one" for head in right]
        told += [f"sheet {sheet!r} has one in row {row + 1}" for sheet, row in below.items()]
        advice = [f"sheet = {[h.sheet for h in heads if h.sheet not in none]}"] if none else []
        if below:
            is_one = len(set(below.values())) == 1 and not right
            until = "skip_until, a pattern that the header matches"
            advice.append(f"skip_rows = {min(below.values())}" if is_one else until)
        raise ContractError(
            f"{file_name}: {'; '.join(told)}. Nothing was loaded. Declare in the mapping "
            f"{' and '.join(advice)}."
        )
    for head in heads[1:]:
        if head.names != heads[0].names:
            raise ContractError(
                f"{file_name}: sheet {head.sheet!r} has the header "
                f"{', '.join(map(repr, head.names))}, where sheet {heads[0].sheet!r} has "
                f"{', '.join(map(repr, heads[0].names))}. Nothing was loaded. Name the sheets that "
                "hold rows of this source (sheet = [...]), or save sheets of different kinds as "
                "files of their own."
            )


def _found_below(head: _Head, wanted: Wanted) -> int | None:
    """The place (from 0) of a row of the sheet that would be a wanted header."""
    start = head.above + len(head.header)
    return next((start + i for i, row in enumerate(head.below) if wanted.is_header(row)), None)


def _rows_of(
    sheet: CalamineSheet, head: _Head, wanted: Wanted, *, is_first: bool
) -> Iterator[bytes]:
    """A sheet's header and rows as CSV text."""
    if is_first and head.above:
        yield b"\n" * head.above
    for row in head.header:
        yield header_line(row)
    columns = [wanted.column_of(name) for name in head.names]
    below = islice(sheet.iter_rows(), head.above + len(head.header), None)
    rows = ([_as_text(v, c) for v, c in zip(row, columns, strict=True)] for row in below)
    while batch := list(islice(rows, BATCH_ROWS)):
        yield to_csv(batch)


def _rows(sheet: CalamineSheet) -> Iterator[list[str]]:
    return ([_as_text(value, None) for value in row] for row in sheet.iter_rows())


def _as_text(value: Any, column: Expected | None) -> str:
    """A cell as text; Excel has floats only, so a whole number is written as one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = str(int(value)) if value.is_integer() else _plain(value)
        if column is None or column.type not in NUMBERS:
            return text
        if column.type == "percent" and 0 < abs(value) <= 1:
            # a cell that shows 10 % holds 0.1, as one that shows 0.1 does
            return f"{text} or {value * 100:g} %"
        return number_text(text, column.decimal)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _plain(value: float) -> str:
    """The shortest text that reads back as the same number, without an exponent."""
    text = repr(value)
    return f"{value:.30f}".rstrip("0") if "e" in text else text


def _worksheets(book: CalamineWorkbook) -> list[str]:
    """Names of the sheets that have cells; charts and macros have none."""
    import python_calamine as calamine

    is_sheet = calamine.SheetTypeEnum.WorkSheet
    return [about.name for about in book.sheets_metadata if about.typ == is_sheet]


def _damaged(file_name: str, error: Exception) -> ContractError:
    return ContractError(
        f"{file_name}: damaged, cut off or protected workbook, or a zip archive and no workbook "
        f"({error}). Nothing was loaded. Save it again as .xlsx without a password; an archive has "
        "to be named *.zip."
    )
