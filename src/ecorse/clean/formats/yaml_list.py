"""YAML: a list of objects, one row each.

What belongs here: turning such a file into CSV text. What does not: what the columns mean. YAML
has no rows to stream: a file is held in memory. Runs in a process of its own
(``ecorse.arms_length``), whose limits are the bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import yaml

from ecorse.clean.formats.base import header_line, to_csv
from ecorse.errors import ContractError

BATCH_ROWS = 20_000


def csv_blocks(path: str, file_name: str, said: Mapping[str, Any]) -> Iterator[bytes]:
    """Give the list as CSV text: a column for each key that any object has, in order of first use.

    Numbers and dates are written as the file writes them; a list or object inside becomes JSON.

    Raises
    ------
    ContractError
        The file is no YAML, or no list of objects.
    """
    try:
        with open(path, "rb") as file:
            # every scalar as text: 007 stays 007 and NO stays NO
            rows = yaml.load(file, Loader=yaml.CBaseLoader)  # noqa: S506  no objects
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
    texts = ([_text(row.get(name)) for name in names] for row in rows)
    while batch := list(islice(texts, BATCH_ROWS)):
        yield to_csv(batch)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
