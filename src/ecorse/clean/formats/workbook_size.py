"""What an Excel workbook may be at most, looked at before it is read.

What belongs here: bounds on what is unpacked. What does not: reading (``xlsx``). python-calamine
holds one sheet as a full rectangle, so the extent of every sheet is looked at.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from ecorse.errors import ContractError

MAX_BYTES = 2 << 30  # unpacked; a full sheet of 1,048,576 rows and 8 columns has about 0.4 GB
MAX_RATIO = 100
MAX_CELLS = 32 << 20  # of one sheet's rectangle: 4 times a full sheet of 8 columns
CELL = re.compile(rb"\sr=[\"']([A-Z]{1,3})(\d{1,7})[\"']")


def check_size(path: Path, file_name: str) -> None:
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


def _too_large(file_name: str, reason: str) -> ContractError:
    return ContractError(
        f"{file_name}: the workbook is too large: {reason}. Nothing was loaded. Save it as CSV."
    )
