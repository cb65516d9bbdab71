"""A block's text before anything is cast: missing values, values that hold for further lines,
columns made of several.

What belongs here: text in, text out, by the contract. What does not: other files (lookups), types
(``values``).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from ecorse.clean.cast import text_column
from ecorse.clean.hashes import Hashes, hash_texts
from ecorse.clean.values import reasons_of
from ecorse.schema.contract import Column, Contract, FillDown, Header, header_key


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
        self._fill = _Filling(header, contract.fill_down) if contract.fill_down else None

    def tidy(
        self, raw: pl.DataFrame, file_header: Header
    ) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
        """The file's own columns: words that stand for nothing, and values from lines above.

        Gives the block, and the reasons of rows whose value above is not known.
        """
        raw = raw.with_columns(_nulls(file_header.columns, 0))
        return self._fill.fill(raw) if self._fill else (raw, [])

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


class _Filling:
    """Values that stand on the first line of a group and hold for its further lines."""

    def __init__(self, header: Header, declared: FillDown) -> None:
        # by the declared name, whatever the file calls it; a column it may lack is not there
        places = {
            header_key(column.name): text_column(i)
            for i, column in enumerate(header.columns)
            if column is not None
        }
        self._name = declared.within
        self._key = places[header_key(declared.within)]
        keys = [header_key(name) for name in declared.columns]
        self._columns = [places[key] for key in keys if key in places]
        self._last: dict[str, str | None] = {}
        self._seen = Hashes()
        self._last_is_apart = False  # the last group of the block before came before that

    def fill(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
        """Fill a block; a group goes on from the block before."""
        if not raw.height:
            return raw, []
        texts = list(dict.fromkeys((self._key, *self._columns)))
        raw = raw.with_columns(pl.col(name).str.strip_chars().replace("", None) for name in texts)
        if self._key in self._columns:  # a line without a key belongs to the one above
            raw = raw.with_columns(
                pl.col(self._key).forward_fill().fill_null(pl.lit(self._last_key, pl.String))
            )
        columns = [name for name in self._columns if name != self._key]
        key = raw[self._key]
        run = (key.ne_missing(key.shift(1))).cum_sum().alias("_run")
        raw = raw.with_columns(run).with_columns(
            pl.col(name).forward_fill().over("_run") for name in columns
        )
        goes_on = bool(self._last) and key[0] is not None and key[0] == self._last_key
        if goes_on:
            is_first = pl.col("_run") == raw["_run"][0]
            raw = raw.with_columns(
                pl.when(is_first & pl.col(name).is_null())
                .then(pl.lit(self._last[name], pl.String))
                .otherwise(pl.col(name))
                .alias(name)
                for name in columns
            )
        reasons = self._apart(raw, columns, goes_on)
        raw = raw.drop("_run")
        self._last = raw.select(texts).row(-1, named=True)
        return raw, reasons

    @property
    def _last_key(self) -> str | None:
        return self._last.get(self._key)

    def _apart(self, raw: pl.DataFrame, columns: list[str], goes_on: bool) -> list[pl.DataFrame]:
        """Reasons of rows whose group has come before, elsewhere, and whose value is empty here."""
        starts = raw.filter(pl.col("_run").is_first_distinct(), pl.col(self._key).is_not_null())
        hashes = hash_texts(starts[self._key])
        is_known = self._seen.find(hashes).is_known
        again = pl.Series(hashes).is_duplicated() & ~pl.Series(hashes).is_first_distinct()
        late = starts["_run"].filter(pl.Series(is_known) | again)
        if goes_on and not self._last_is_apart:
            late = late.filter(late != raw["_run"][0])
        self._last_is_apart = raw["_run"][-1] in late
        fresh = np.unique(hashes[~is_known])
        self._seen.add(fresh, np.zeros(len(fresh), np.int64))
        if not len(late):
            return []
        is_empty = raw.select(pl.all_horizontal(pl.col(c).is_null() for c in columns)).to_series()
        apart = raw["_run"].is_in(late.implode()) & is_empty
        return reasons_of(
            apart, raw[self._key], Column(self._name, None), "lines_apart",
            "its lines do not stand together, so the values of its first line are not known here",
        )  # fmt: skip
