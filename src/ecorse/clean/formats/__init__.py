"""File formats that are no text, or no lines: what turns each into CSV text. A module per format.

What belongs here: recognising a format by its first bytes, and having it read at arm's length. What
does not: the readers, which run in a process of their own (``base``, ``parquet``, ``xlsx`` and so
on), lines and fields (``ecorse.clean.framing``).
"""

from __future__ import annotations

import errno
import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ecorse.arms_length.limits import Limits
from ecorse.arms_length.reading import Task, read_apart
from ecorse.clean.formats.base import ANYTHING, Wanted, told
from ecorse.clean.formats.packed import GZIP_MAGIC, ZSTD_MAGIC
from ecorse.errors import DiskFull
from ecorse.schema.shape import Shape

# first bytes of a file → the module that reads it
TABLES = {b"PAR1": "parquet", b"PK\x03\x04": "xlsx"}
PACKED = {GZIP_MAGIC: "gunzip", ZSTD_MAGIC: "unzstd"}
CALLED = {
    "parquet": "Parquet file",
    "xlsx": "workbook",
    "yaml_list": "YAML file",
    "json_rows": "JSON file",
    "gunzip": "gzip file",
    "unzstd": "zstd file",
}
SAMPLE_BYTES = 64 << 20  # of a workbook's first rows: these are held in memory
# an object, or the beginning of a list of them; CSV text has no reason to begin so
JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\[\s*(?:\{|\]\s*$)|\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\}))')


def table_format(first: bytes, file_name: str = "") -> str | None:
    """The format of a file that is a table and no CSV text, by its first bytes; else nothing.

    YAML alone is told by the file's name: it begins with nothing of its own.
    """
    if file_name.lower().endswith((".yaml", ".yml")):
        return "yaml_list"
    if JSON.match(first):
        return "json_rows"
    return next((name for magic, name in TABLES.items() if first.startswith(magic)), None)


def packed_format(first: bytes) -> str | None:
    """How a file is packed, by its first bytes; nothing where it is not."""
    return next((name for magic, name in PACKED.items() if first.startswith(magic)), None)


def table_blocks(
    name: str,
    blocks: Iterable[bytes],
    file_name: str,
    shape: Shape,
    wanted: Wanted = ANYTHING,
) -> Iterator[bytes]:
    """Give a table as UTF-8 CSV text: a header line, then one record per row.

    Most formats keep their index at the end, so the file is read to its end first, into a
    nameless file on disk; whoever hashes what is read has then seen all of it.

    Raises
    ------
    ContractError
        The file is damaged, cut off, holds what is no table, or wants more than a reader may take.
    DiskFull
        There is no space for the copy.
    """
    with _copied(blocks, file_name) as copy:
        arguments = {"path": f"/dev/fd/{copy}", "file_name": file_name, "said": told(shape, wanted)}
        reader = f"{__name__}.{name}:csv_blocks"
        yield from read_apart(Task(reader, arguments, file_name, CALLED[name], passed=(copy,)))


def unpacked_blocks(name: str, blocks: Iterable[bytes], file_name: str) -> Iterator[bytes]:
    """Give what was packed.

    Raises
    ------
    ContractError
        The file is damaged, cut off, or grows more than a file may.
    """
    arguments = {"file_name": file_name, "takes_blocks": True}
    reader = f"{__name__}.packed:{name}"
    return read_apart(Task(reader, arguments, file_name, CALLED[name]), blocks)


def sheet_rows(path: Path, number: int = 500) -> Iterator[tuple[str, list[list[str]]]]:
    """The names of a workbook's sheets, each with its first rows as text.

    Raises
    ------
    ContractError
        The workbook is damaged, or wants more than a reader may take.
    """
    with path.open("rb") as book:
        arguments = {
            "path": f"/dev/fd/{book.fileno()}",
            "file_name": path.name,
            "number": number,
        }
        reader = f"{__name__}.xlsx:first_rows"
        limits = replace(Limits.set(), output_bytes=SAMPLE_BYTES)
        task = Task(reader, arguments, path.name, CALLED["xlsx"], limits, (book.fileno(),))
        said = b"".join(read_apart(task))
    for line in said.splitlines():
        sheet, rows = json.loads(line)
        yield str(sheet), rows


@contextmanager
def _copied(blocks: Iterable[bytes], file_name: str) -> Iterator[int]:
    """Copy a file to a nameless one on disk: nothing is left of it, whatever happens."""
    with tempfile.TemporaryFile(prefix="ecorse-") as copy:
        try:
            for block in blocks:
                copy.write(block)
            copy.flush()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise DiskFull(
                f"{file_name}: no space left for a copy in {tempfile.gettempdir()}. Free some "
                "space, or set TMPDIR to another folder, and run the same command again."
            ) from error
        yield copy.fileno()
