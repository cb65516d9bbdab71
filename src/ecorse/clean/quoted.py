"""Values that stand in quotes which are not the file's: told, for the mapping may lack its quote.

What belongs here: finding them. What does not: reading quotes (``framing``), the words (``notes``).
"""

from __future__ import annotations

import polars as pl

from ecorse.clean.account import Quoted
from ecorse.clean.blocks import FramedBlock
from ecorse.clean.cast import text_column
from ecorse.schema.contract import Header
from ecorse.schema.shape import Shape

QUOTES = ('"', "'")
ESCAPED = r"""\\["']"""
SHOWN = 40


def find_quoted(
    raw: pl.DataFrame, header: Header, block: FramedBlock, shape: Shape, into: dict[str, Quoted]
) -> None:
    """Count, by column, values that begin and end with a quote, or hold an escaped one.

    Parameters
    ----------
    raw
        A block's texts as the file has them.
    into
        What was found so far; grows.
    """
    quotes = [quote for quote in QUOTES if quote.encode() in block.data]
    wrapped = [f"^{quote}(?s:.*){quote}$" for quote in quotes if quote != shape.quote]
    is_escaped = quotes and not shape.escape and b"\\" in block.data
    signs = [*wrapped, *([ESCAPED] if is_escaped else [])]
    if not signs:
        return
    for i, column in enumerate(header.columns):
        if column is not None and column.type == "text":
            text = raw[text_column(i)]
            rows = text.str.contains("|".join(signs)).fill_null(False).arg_true()
            if len(rows):
                first = rows[0]
                line = int(block.lines[first])
                found = into.setdefault(column.name, Quoted(0, text[first][:SHOWN], line))
                found.rows += len(rows)
