"""Appending simulated sales to an existing sales file.

What belongs here: exactly n more valid rows at the end of one CSV file, nothing else changed.
What does not: new files (``write.py``), what is sold (``generate.py``).
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import secrets
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from ecorse.atomic import locked, replace_atomically
from ecorse.errors import ConfigError, ContractError
from ecorse.simulate.dirt import HEADER
from ecorse.simulate.generate import generate_month
from ecorse.simulate.truth import DEFAULT_TRUTH, Truth
from ecorse.simulate.write import format_lines

_BOM = b"\xef\xbb\xbf"
_CHUNK_BYTES = 1 << 20
_MAX_HEADER_BYTES = 4096
_DATE = re.compile(rb",(\d\d)/\d\d/(\d\d) \d\d:\d\d,")


@dataclass(frozen=True)
class AppendSummary:
    """What was appended: rows, their orders and the ids' common start; and the seed used."""

    path: Path
    rows: int
    orders: int
    order_id_prefix: str
    seed: int


@dataclass(frozen=True)
class _Existing:
    """What one needs to know of the file that grows."""

    sha256: str
    month: tuple[int, int]
    line_end: str
    has_final_line_end: bool


def append_sales(
    path: Path, *, rows: int, seed: int | None = None, truth: Truth = DEFAULT_TRUTH
) -> AppendSummary:
    """Append exactly ``rows`` valid lines, dated in the month that most rows of the file have.

    The existing bytes stay as they are; a missing line end after the last row is added. The order
    ids start with ``SIM-A`` and a hash of the file as it was, so they are new in it however often
    one appends. The file is replaced by rename: a reader sees the old file or the new one.

    Raises
    ------
    ConfigError
        The file does not exist or cannot be read, or ``rows`` is negative.
    ContractError
        The file does not have the header of ``sales_csv``.
    DiskFull
        The disk has no space for the longer file; the file is as it was.
    """
    if rows < 0:
        raise ConfigError(f"Cannot append {rows} rows to {path}: rows must be 0 or more.")
    path = path.resolve()
    line_end = _check_header(path)
    if seed is None:
        seed = secrets.randbits(32)
    # Two appends at once would each replace the file, and one would be lost.
    with locked(path.parent), replace_atomically(path) as copy:
        existing = _copy(path, copy, line_end)
        prefix = f"SIM-A{existing.sha256[:12]}-"
        lines = _new_lines(truth, rows, seed, existing, prefix)
        text = "".join(line + existing.line_end for line in lines)
        if text and not existing.has_final_line_end:
            text = existing.line_end + text
        copy.write(text.encode())
        os.fchmod(copy.fileno(), path.stat().st_mode & 0o777)
    orders = len({line.split(",", 1)[0] for line in lines})
    return AppendSummary(
        path=path, rows=len(lines), orders=orders, order_id_prefix=prefix, seed=seed
    )


def _check_header(path: Path) -> str:
    """Check that the file begins with the header; give the line end it uses."""
    try:
        with path.open("rb") as file:
            first = file.readline(_MAX_HEADER_BYTES)
    except OSError as error:
        raise ConfigError(
            f"Cannot append to {path}: {error.strerror}. Name an existing sales CSV file, or make "
            "some with 'ecorse ingest --origin simulate'."
        ) from error
    text = first.removeprefix(_BOM).decode("utf-8", errors="replace").rstrip("\r\n")
    columns = next(csv.reader([text]), [])
    if columns != HEADER.split(","):
        raise ContractError(
            f"{path}, line 1: expected the header {HEADER!r} but found {text[:200]!r}. Only an "
            "uncompressed file in the six-column form of sales_csv can grow; nothing was changed."
        )
    return "\r\n" if first.endswith(b"\r\n") else "\n"


def _copy(path: Path, copy: BinaryIO, line_end: str) -> _Existing:
    """Copy the file, hashing it and counting the months of its dates on the way."""
    digest = hashlib.sha256()
    months: Counter[tuple[int, int]] = Counter()
    last_byte, carried = b"", b""
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK_BYTES):
            copy.write(chunk)
            digest.update(chunk)
            last_byte = chunk[-1:]
            # A date cut by the chunk's edge is completed by the next chunk.
            window = carried + chunk
            end = max(window.rfind(b"\n") + 1, len(window) - _MAX_HEADER_BYTES)
            months.update((2000 + int(y), int(m)) for m, y in _DATE.findall(window[:end]))
            carried = window[end:]
    months.update((2000 + int(y), int(m)) for m, y in _DATE.findall(carried))
    valid = [(n, month) for month, n in months.items() if 1 <= month[1] <= 12]
    # A file with a header only gets sales of the first month the default simulation has.
    month = max(valid)[1] if valid else (2019, 1)
    return _Existing(digest.hexdigest(), month, line_end, last_byte in (b"\n", b"\r"))


def _new_lines(truth: Truth, rows: int, seed: int, existing: _Existing, prefix: str) -> list[str]:
    """Draw as many orders as rows are wanted, a line or more each; cut behind the last row."""
    year, month = existing.month
    stream = int(existing.sha256[:12], 16)
    lines = generate_month(truth, seed=seed, year=year, month=month, orders=rows, stream=stream)
    numbers = pl.Series(lines.order + 1).cast(pl.String)
    nothing = np.empty(0, dtype=np.int64)
    return format_lines(truth, lines, prefix + numbers, minute=lines.minute, decimal_price=nothing)[
        :rows
    ]
