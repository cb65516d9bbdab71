"""Excel workbooks (.xlsx) as CSV text, sheet after sheet.

What belongs here: sheets, cells, and what a workbook may be at most. What does not: what a value
means (``ecorse.clean.cast``).

python-calamine reads 525,461 rows of 8 columns in 2.5 s with 300 MB. It holds one sheet as a full
rectangle, so the extent of a sheet is looked at before.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ecorse.clean.formats.base import Wanted, header_line, number_text, to_csv
from ecorse.errors import ContractError
from ecorse.schema.contract import Column
from ecorse.schema.shape import Shape

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

BATCH_ROWS = 20_000
MAX_BYTES = 2 << 30  # unpacked; a full sheet of 1,048,576 rows and 8 columns has about 0.4 GB
MAX_RATIO = 100
LOOKED_AT = 50  # rows of a sheet that are looked at for its header
MAX_CELLS = 32 << 20  # of one sheet's rectangle: 4 times a full sheet of 8 columns
CELL = re.compile(rb"\sr=[\"']([A-Z]{1,3})(\d{1,7})[\"']")


def csv_blocks(path: Path, shape: Shape, wanted: Wanted, file_name: str) -> Iterator[bytes]:
    """Give the sheets' rows one after the other; every sheet's header stands before its rows.

    Empty sheets and charts are left out, and sheets that the shape does not name. A sheet's header
    is its first row that is not empty, behind what the shape skips. Rows above the first sheet's
    header are blank lines, so that the numbers of lines are those of its rows.

    Raises
    ------
    ContractError
        The workbook is damaged, encrypted or unreasonably large, or is another kind of zip
        archive; or its sheets have different headers, or headers that are not wanted.
    """
    import python_calamine as calamine

    try:
        _check_size(path, file_name)
        with calamine.CalamineWorkbook.from_path(path) as book:
            sheets = _chosen(_worksheets(book), shape, file_name)
            heads = _heads(book, sheets, shape, file_name)
            _refuse_others(heads, wanted, shape, file_name)
            for number, head in enumerate(heads):
                yield from _sheet(book, head, wanted, is_first=not number)
    except (calamine.CalamineError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise _damaged(file_name, error) from None


def first_rows(
    path: Path, file_name: str, number: int = 500
) -> Iterator[tuple[str, list[list[str]]]]:
    """The names of a workbook's sheets, each with its first rows as text.

    Raises
    ------
    ContractError
        As ``csv_blocks``.
    """
    import python_calamine as calamine

    try:
        _check_size(path, file_name)
        with calamine.CalamineWorkbook.from_path(path) as book:
            for name in _worksheets(book):
                yield name, list(islice(_rows(book.get_sheet_by_name(name)), number))
    except (calamine.CalamineError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
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


def _heads(
    book: CalamineWorkbook, sheets: Sequence[str], shape: Shape, file_name: str
) -> list[_Head]:
    """The heads of the sheets that have rows."""
    until = re.compile(shape.skip_until) if shape.skip_until else None
    heads = []
    for name in sheets:
        every = enumerate(_rows(book.get_sheet_by_name(name)))
        rows = islice(every, shape.skip_rows, None)
        first = next(
            (
                (above, row)
                for above, row in rows
                if (until is None and any(row)) or (until and until.search(",".join(row)))
            ),
            None,
        )
        if first is None:
            continue
        header = [first[1], *(row for _, row in islice(rows, max(shape.header_rows - 1, 0)))]
        below = [row for _, row in islice(rows, LOOKED_AT)]
        names = [" ".join(filter(None, parts)) for parts in zip(*header, strict=True)]
        heads.append(_Head(name, first[0], header[: shape.header_rows], names, below))
    if not heads:
        raise ContractError(
            f"{file_name}: no sheet of the workbook holds a row. Nothing was loaded. Expected a "
            "header row with the names of the columns."
        )
    return heads


def _refuse_others(heads: list[_Head], wanted: Wanted, shape: Shape, file_name: str) -> None:
    """Refuse sheets of different headers, and say which sheet and row has the wanted one."""
    is_given = not shape.header_rows or bool(shape.names)
    if is_given:
        return
    right = [head for head in heads if wanted.is_header(head.names)]
    others = [head for head in heads if head not in right]
    said = [f"sheet {head.sheet!r} has one" for head in right]
    said += [
        f"sheet {head.sheet!r} has one in row {row + 1}" for head in others
        if (row := _found_below(head, wanted)) is not None
    ]  # fmt: skip
    if others and said:
        none = [head for head in others if _found_below(head, wanted) is None]
        told = [f"sheet {head.sheet!r} has no header of lines" for head in none] + said
        rows = {_found_below(head, wanted) for head in others} - {None}
        advice = [f"sheet = {[h.sheet for h in heads if h not in none]}"] if none else []
        advice += [f"skip_rows = {rows.pop()}"] if len(rows) == 1 and not right else []
        raise ContractError(
            f"{file_name}: {'; '.join(told)}. Nothing was loaded. Declare in the mapping "
            f"{' and '.join(advice) or 'skip_until, a pattern that the header matches'}."
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


def _sheet(
    book: CalamineWorkbook, head: _Head, wanted: Wanted, *, is_first: bool
) -> Iterator[bytes]:
    if is_first and head.above:
        yield b"\n" * head.above
    for row in head.header:
        yield header_line(row)
    columns = [wanted.column_of(name) for name in head.names]
    below = islice(
        book.get_sheet_by_name(head.sheet).iter_rows(), head.above + len(head.header), None
    )
    rows = ([_as_text(v, c) for v, c in zip(row, columns, strict=True)] for row in below)
    while batch := list(islice(rows, BATCH_ROWS)):
        yield _block(batch, len(head.names))


def _check_size(path: Path, file_name: str) -> None:
    """Refuse what is no workbook, and what would grow without measure when it is read."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if "xl/workbook.xml" not in archive.namelist():
            raise ContractError(
                f"{file_name}: is a zip archive and no workbook. Nothing was loaded. Name it "
                "*.zip, so that its files are unpacked, or unpack it yourself."
            )
        total = sum(member.file_size for member in members)
        if total > MAX_BYTES or total > MAX_RATIO * path.stat().st_size:
            raise _too_large(
                file_name, f"it unpacks to {total} bytes; at most {MAX_BYTES} bytes and "
                f"{MAX_RATIO} times its size are read"
            )  # fmt: skip
        for member in members:
            if not member.filename.startswith("xl/worksheets/") or member.is_dir():
                continue
            width, height = _extent(archive, member)
            if width * height > MAX_CELLS:
                raise _too_large(
                    file_name, f"{member.filename} spans {height} rows and {width} columns; at "
                    f"most {MAX_CELLS} cells are read"
                )  # fmt: skip


def _extent(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[int, int]:
    """The last column and row that a sheet names, without reading its values."""
    columns: set[bytes] = set()
    height, rest = 0, b""
    with archive.open(member) as file:
        while block := file.read(1 << 20):
            found = CELL.findall(rest + block)
            columns.update(column for column, _ in found)
            height = max(height, max((int(row) for _, row in found), default=0))
            rest = block[-32:]
    return max((_column_number(column) for column in columns), default=0), height


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _rows(sheet: CalamineSheet) -> Iterator[list[str]]:
    return ([_as_text(value, None) for value in row] for row in sheet.iter_rows())


def _block(rows: list[list[str]], width: int) -> bytes:
    """Rows as CSV text; the sheet is a rectangle, so they all have the header's width."""
    columns = {str(i): [row[i] for row in rows] for i in range(width)}
    return to_csv(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)))


def _as_text(value: Any, column: Column | None) -> str:
    """A cell as text; Excel has floats only, so a whole number is written as one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = str(int(value)) if value.is_integer() else _plain(value)
        if column is None or column.type not in ("integer", "decimal", "percent"):
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
        f"{file_name}: damaged, cut off or protected workbook ({error}). Nothing was loaded. "
        "Save it again as .xlsx without a password."
    )


def _too_large(file_name: str, reason: str) -> ContractError:
    return ContractError(
        f"{file_name}: the workbook is too large: {reason}. Nothing was loaded. Save it as CSV."
    )
