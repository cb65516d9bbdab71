"""File formats that are no text, or no lines: what turns each into CSV text. A module per format.

What belongs here: recognising a format by its first bytes, and the local copy that a format with
an index at its end needs. What does not: compressed text (``zstd``, ``stream``), lines and fields
(``ecorse.clean.framing``).
"""

from __future__ import annotations

import importlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ecorse.clean.formats.base import ANYTHING, Wanted
from ecorse.schema.shape import Shape

# first bytes of a file → the module that reads it
TABLES = {b"PAR1": "parquet", b"PK\x03\x04": "xlsx"}
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


def table_blocks(
    name: str,
    blocks: Iterable[bytes],
    file_name: str,
    shape: Shape,
    wanted: Wanted = ANYTHING,
) -> Iterator[bytes]:
    """Give a table as UTF-8 CSV text: a header line, then one record per row.

    Most formats keep their index at the end, so the file is read to its end first, into a
    temporary file on disk; whoever hashes what is read has then seen all of it.

    Raises
    ------
    ContractError
        The file is damaged, cut off, or holds what is no table.
    """
    module = importlib.import_module(f"{__name__}.{name}")
    with tempfile.NamedTemporaryFile(prefix="ecorse-", suffix=f".{name}") as copy:
        for block in blocks:
            copy.write(block)
        copy.flush()
        yield from module.csv_blocks(Path(copy.name), shape, wanted, file_name)
