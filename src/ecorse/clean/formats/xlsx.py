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
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ecorse.clean.formats.base import Dialect, header_line, to_csv
from ecorse.errors import ContractError

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

BATCH_ROWS = 20_000
MAX_BYTES = 2 << 30  # unpacked; a full sheet of 1,048,576 rows and 8 columns has about 0.4 GB
MAX_RATIO = 100
MAX_CELLS = 32 << 20  # of one sheet's rectangle: 4 times a full sheet of 8 columns
CELL = re.compile(rb"\sr=[\"']([A-Z]{1,3})(\d{1,7})[\"']")


def csv_blocks(path: Path, dialect: Dialect, file_name: str) -> Iterator[bytes]:
    """Give the sheets' rows one after the other; every sheet's header line stands before its rows.

    Empty sheets and charts are left out. The first row that is not empty is a sheet's header.

    Raises
    ------
    ContractError
        The workbook is damaged, encrypted or unreasonably large, or is another kind of zip
        archive; or a sheet has another header than the first one.
    """
    import python_calamine as calamine

    try:
        _check_size(path, file_name)
        with calamine.CalamineWorkbook.from_path(path) as book:
            first: tuple[str, list[str]] | None = None
            for about in book.sheets_metadata:
                if about.typ != calamine.SheetTypeEnum.WorkSheet:
                    continue
                rows = _rows(book.get_sheet_by_name(about.name))
                names = next((row for row in rows if any(row)), None)
                if names is None:
                    continue
                if first is None:
                    first = (about.name, names)
                elif names != first[1]:
                    raise ContractError(
                        f"{file_name}: sheet {about.name!r} has the header "
                        f"{', '.join(map(repr, names))}, where sheet {first[0]!r} has "
                        f"{', '.join(map(repr, first[1]))}. Nothing was loaded. Save sheets of "
                        "different kinds as files of their own."
                    )
                yield header_line(names, dialect)
                while batch := list(islice(rows, BATCH_ROWS)):
                    yield _block(batch, len(names), dialect)
    except (calamine.CalamineError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ContractError(
            f"{file_name}: damaged, cut off or protected workbook ({error}). Nothing was loaded. "
            "Save it again as .xlsx without a password."
        ) from None
    if first is None:
        raise ContractError(
            f"{file_name}: no sheet of the workbook holds a row. Nothing was loaded. Expected a "
            "header row with the names of the columns."
        )


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
    return ([_as_text(value) for value in row] for row in sheet.iter_rows())


def _block(rows: list[list[str]], width: int, dialect: Dialect) -> bytes:
    """Rows as CSV text; the sheet is a rectangle, so they all have the header's width."""
    columns = {str(i): [row[i] for row in rows] for i in range(width)}
    return to_csv(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)), dialect)


def _as_text(value: Any) -> str:
    """A cell as text; Excel has floats only, so a whole number is written as one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else _plain(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _plain(value: float) -> str:
    """The shortest text that reads back as the same number, without an exponent."""
    text = repr(value)
    return f"{value:.30f}".rstrip("0") if "e" in text else text


def _too_large(file_name: str, reason: str) -> ContractError:
    return ContractError(
        f"{file_name}: the workbook is too large: {reason}. Nothing was loaded. Save it as CSV."
    )
