"""Small files that are made to hurt whoever reads them, written by code.

What belongs here: the files, by name, and what their refusal says. What does not: reading them
(``tests/clean/test_hostile_files.py``, ``tests/ingest/test_hostile_folder.py``), which is done
within ``LIMITS``: memory for a reader to start and little more.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from typing import NamedTuple

import openpyxl
import polars as pl
import zstandard

LIMITS = {"ECORSE_READER_MEMORY_MB": "512", "ECORSE_READER_CPU_SECONDS": "3"}
MEMORY = "takes more than 512 MiB of memory.*ECORSE_READER_MEMORY_MB"
CRASH = r"the reader of this .* (crashed \(SIG\w+\)|failed \()"
RATIO = "makes it grow more than 100 times.*ECORSE_READER_RATIO"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET, STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"


class Hostile(NamedTuple):
    """A file, and a pattern of what its refusal says; heavy ones take seconds to be written."""

    write: Callable[[], bytes]
    says: str
    is_heavy: bool = False


def workbook(cells: str, place: str = SHEET, shared: int = 0) -> bytes:
    """A workbook of one sheet with these cells, which may stand at any place in the archive.

    ``shared``: MiB of shared strings.
    """
    honest, file = io.BytesIO(), io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["text", 1])
    book.save(honest)
    with (
        zipfile.ZipFile(honest) as given,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for name in given.namelist():
            if name not in (SHEET, STRINGS):
                data = given.read(name).replace(SHEET.encode(), place.encode())
                archive.writestr(name, data)
        sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>'
        archive.writestr(place, sheet)
        with archive.open(STRINGS, "w", force_zip64=True) as strings:
            strings.write(f'<sst xmlns="{MAIN}">'.encode())
            for _ in range(shared):
                strings.write(b"<si><t>" + b"x" * ((1 << 20) - 16) + b"</t></si>")
            strings.write(b"</sst>")
    return file.getvalue()


def far_apart(first: str, last: str, row: int = 1048576) -> str:
    """Two cells at two ends of a sheet."""
    return (
        f'<row r="1"><c r="{first}"><v>1</v></c></row>'
        f'<row r="{row}"><c r="{last}"><v>1</v></c></row>'
    )


def million_columns() -> bytes:
    """A row that has a cell in column 1,000,000 and ten thousand rows below."""
    return workbook(far_apart("A1", "BDWGN10000", 10000))


def nested_yaml() -> bytes:
    return b"- " + b"[" * 400_000


def yaml_of_aliases() -> bytes:
    """A few hundred bytes in which each line holds the line above ten times."""
    lines = ["- a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    return "\n".join(lines).encode()


def parquet(frame: pl.DataFrame, **how: object) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file, **how)  # type: ignore[arg-type]
    return file.getvalue()


def huge_value() -> bytes:
    """A dictionary page of one text of 200 MB, in 7 kB."""
    return parquet(pl.DataFrame({"a": ["x" * (200 << 20)]}), compression="zstd")


def lying_parquet() -> bytes:
    """A file whose footer is said to be longer than the file, and one of other bytes."""
    data = bytearray(parquet(pl.DataFrame({"a": [1, 2, 3]})))
    data[-8:-4] = (0x7FFFFFF0).to_bytes(4, "little")
    return bytes(data)


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return file.getvalue()


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


BLANK_LINES = b"\n" * (64 << 20)
# the first bytes of a file, or its name, say what it is
FILES: Mapping[str, Hostile] = {
    "lower_case.xlsx": Hostile(lambda: workbook(far_apart("a1", "xfd1048576")), MEMORY),
    "spaces.xlsx": Hostile(lambda: workbook(far_apart(" A1", "XFD1048576 ")), "damaged"),
    "elsewhere.xlsx": Hostile(
        lambda: workbook(far_apart("A1", "XFD1048576"), "xl/elsewhere/s.xml"), MEMORY
    ),
    "plain.xlsx": Hostile(lambda: workbook(far_apart("A1", "XFD1048576")), MEMORY),
    "million_columns.xlsx": Hostile(million_columns, MEMORY),
    "strings.xlsx": Hostile(
        lambda: workbook('<row r="1"><c r="A1" t="s"><v>0</v></c></row>', shared=600), MEMORY, True
    ),
    "cut.xlsx": Hostile(lambda: cut(workbook(far_apart("A1", "B2", 2))), "damaged, cut off"),
    "archive.xlsx": Hostile(lambda: zipped(a_csv=b"a\n1\n"), "no workbook"),
    "nested.yaml": Hostile(nested_yaml, CRASH),
    "aliases.yaml": Hostile(yaml_of_aliases, f"({MEMORY}|takes more than 3 CPU seconds)"),
    "huge_value.parquet": Hostile(huge_value, f"({MEMORY}|takes more than 3 CPU seconds)", True),
    "lying.parquet": Hostile(lying_parquet, "damaged or cut-off Parquet"),
    "cut.parquet": Hostile(
        lambda: cut(parquet(pl.DataFrame({"a": range(1000)}))), "damaged or cut-off Parquet"
    ),
    "blank_lines.csv.gz": Hostile(lambda: gzip.compress(BLANK_LINES, 9), RATIO),
    "members.csv.gz": Hostile(lambda: gzip.compress(b"\n" * (1 << 20), 9) * 64, RATIO),
    "twice.csv.gz": Hostile(lambda: gzip.compress(gzip.compress(BLANK_LINES, 9)), "not UTF-8"),
    "blank_lines.csv.zst": Hostile(lambda: zstandard.ZstdCompressor().compress(BLANK_LINES), RATIO),
    "json.jsonl.gz": Hostile(
        lambda: gzip.compress(b'{"a": "' + b"x" * (64 << 20) + b'"}\n'), RATIO
    ),
    "nested.json": Hostile(
        lambda: b'[{"a": ' + b"[" * 400_000 + b"]" * 400_000 + b"}]", "not valid JSON"
    ),
    "objects.json": Hostile(lambda: b'{"a":' * 400_000 + b"1" + b"}" * 400_000, "not valid JSON"),
    "one_line.jsonl": Hostile(
        lambda: b'{"a": "' + b"x" * (80 << 20) + b'"}\n', f"(not valid JSON|{MEMORY})", True
    ),
    "surrogate.json": Hostile(lambda: b'[{"a": "\\ud800"}]', CRASH),
}
LIGHT = [name for name, file in FILES.items() if not file.is_heavy]
HEAVY = [name for name, file in FILES.items() if file.is_heavy]
