"""YAML: a list of objects, one row each.

What belongs here: turning such a file into CSV text. What does not: what the columns mean. YAML
has no rows to stream, so a file is held in memory and may be large only within a bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import yaml

from ecorse.clean.formats.base import Wanted, header_line, to_csv
from ecorse.errors import ContractError
from ecorse.schema.shape import Shape

MAX_BYTES = 64 << 20


def csv_blocks(path: Path, shape: Shape, wanted: Wanted, file_name: str) -> Iterator[bytes]:
    """Give the list as CSV text: a column for each key that any object has, in order of first use.

    Numbers and dates are written as the file writes them; a list or object inside becomes JSON.

    Raises
    ------
    ContractError
        The file is too large, no YAML, or no list of objects.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ContractError(
            f"{file_name}: {path.stat().st_size} bytes of YAML; at most {MAX_BYTES} are read, for "
            "it is held in memory. Nothing was loaded. Export the catalogue as CSV or Parquet."
        )
    try:
        # every scalar as text: 007 stays 007 and NO stays NO
        rows = yaml.load(path.read_bytes(), Loader=yaml.CBaseLoader)  # noqa: S506  no objects
    except yaml.YAMLError as error:
        raise ContractError(
            f"{file_name}: not valid YAML: {' '.join(str(error).split())}. Nothing was loaded."
        ) from None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ContractError(
            f"{file_name}: expected a YAML list of objects, one per row. Nothing was loaded."
        )
    names = list(dict.fromkeys(str(key) for row in rows for key in row))
    yield header_line(names)
    columns = {
        str(i): pl.Series([_text(row.get(name)) for row in rows], dtype=pl.String)
        for i, name in enumerate(names)
    }
    yield to_csv(pl.DataFrame(columns))


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
