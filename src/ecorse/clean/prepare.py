"""A block's text before anything is cast: missing values, columns made of several.

What belongs here: text in, text out, by the contract. What does not: values that stand on a line
above (``fill_down``), other files (lookups), types (``values``).
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from ecorse.clean.blocks import FramedBlock
from ecorse.clean.cast import text_column
from ecorse.clean.fill_down import Filling
from ecorse.schema.contract import Column, Contract, Header, header_key


class Preparation:
    """What is done to one file's blocks, in order; it remembers what lines above have said.

    ``header`` is the file's, with the columns that are made of others behind it.
    """

    def __init__(self, header: Header, contract: Contract) -> None:
        """``header``: the file's columns and those it is completed by."""
        made = header.form.made
        self._before = header
        self.header = Header(
            header.form,
            (*header.names, *(column.name for column in made)),
            (*header.columns, *made),
            header.missing,
        )
        self._fill = Filling(header, contract.fill_down) if contract.fill_down else None

    def tidy(
        self, block: FramedBlock, raw: pl.DataFrame, file_header: Header
    ) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
        """The file's own columns: words that stand for nothing, and values from lines above.

        Gives the block's text, and the reasons of rows whose value above is not known.
        """
        cleared = raw.with_columns(_nulls(file_header.columns, 0))
        if self._fill is None:
            return cleared, []
        return self._fill.fill(block, cleared, self._fill.stated(raw))

    def complete(self, raw: pl.DataFrame, file_header: Header) -> pl.DataFrame:
        """Looked-up columns without words for nothing, and the columns that are made of others."""
        width = len(file_header.columns)
        raw = raw.with_columns(_nulls(self._before.columns[width:], width))
        places = {header_key(name): i for i, name in reversed(list(enumerate(self._before.names)))}
        first = len(self._before.columns)
        return raw.with_columns(
            _joined(column, [places[header_key(part)] for part in column.parts]).alias(
                text_column(first + i)
            )
            for i, column in enumerate(self._before.form.made)
        )


def _nulls(columns: Iterable[Column | None], first: int) -> list[pl.Expr]:
    cleared = []
    for i, column in enumerate(columns, first):
        if column is not None and column.nulls:
            text = pl.col(text_column(i))
            is_word = text.str.strip_chars().is_in(list(column.nulls)).fill_null(False)
            cleared.append(pl.when(~is_word).then(text).alias(text_column(i)))
    return cleared


def _joined(column: Column, places: list[int]) -> pl.Expr:
    """Several columns as one text: of a key all parts are needed, of a time one will do."""
    parts = [pl.col(text_column(i)).str.strip_chars().replace("", None) for i in places]
    is_time = column.type in ("date", "timestamp")
    joined = pl.concat_str(parts, separator=column.by, ignore_nulls=is_time)
    return pl.when(joined != "").then(joined)
