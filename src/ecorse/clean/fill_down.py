"""Values that stand on the first line of an order and hold for its further lines.

What belongs here: filling them down, and telling the rows for which they are not known. What does
not: which columns these are (the contract), orders that have to be whole (``orders``).
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.blocks import FramedBlock
from ecorse.clean.cast import text_column
from ecorse.clean.hashes import Hashes, hash_texts
from ecorse.clean.values import reasons_of
from ecorse.schema.contract import Column, FillDown, Header, header_key

UNREAD = "first_line_unread"


class Filling:
    """Fills one file's blocks, in order; it remembers what lines above have said.

    A line that cannot be read may be the first of its order. Behind it, a row that states nothing
    of what stands on first lines is not filled but refused, unless a row of its order was read
    before that line.
    """

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
        self._told = ", ".join([*declared.columns[:3], *(["..."] if len(keys) > 3 else [])])
        self._is_key_filled = self._key in self._columns
        self._last: dict[str, str | None] = {}
        self._seen = Hashes()
        self._last_is_apart = False  # the last group of the block before came before that
        self._unread = np.empty(0, np.int64)  # lines that cannot be read, not yet passed by a row
        self._last_line = 0
        self._doubt = 0  # the unread line for which the last row is not known; 0: it is

    def stated(self, raw: pl.DataFrame) -> pl.Series:
        """Rows that say anything in the columns, be it a word that stands for nothing."""
        texts = (pl.col(name).str.strip_chars().replace("", None) for name in self._columns)
        return raw.select(pl.any_horizontal(text.is_not_null() for text in texts)).to_series()

    def fill(
        self, block: FramedBlock, raw: pl.DataFrame, stated: pl.Series
    ) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
        """Fill a block's text; a group goes on from the block before.

        Gives the text, and the reasons (``_row, rule, column, sentence``) of the rows whose values
        are not known.
        """
        broken = np.array([record.line for record in block.broken], np.int64)
        self._unread = np.concatenate([self._unread, broken])
        if not raw.height:
            return raw, []
        texts = list(dict.fromkeys((self._key, *self._columns)))
        raw = raw.with_columns(pl.col(name).str.strip_chars().replace("", None) for name in texts)
        has_key = raw[self._key].is_not_null()
        stated = has_key if self._is_key_filled else stated
        raw, columns, goes_on = self._from_above(raw)
        reasons = self._apart(raw, columns, goes_on)
        doubts = self._doubts(block.lines, raw["_run"], has_key, stated, goes_on)
        if (doubts > 0).any():
            is_known = pl.lit(doubts) == 0  # what an order above has said is not theirs
            raw = raw.with_columns(
                pl.when(is_known).then(pl.col(t)).alias(t) for t in self._columns
            )
            reasons += self._behind_unread(doubts, raw[self._key])
        raw = raw.drop("_run")
        self._last = raw.select(texts).row(-1, named=True)
        return raw, reasons

    def _from_above(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, list[str], bool]:
        """The filled block, with ``_run``, the number of each row's group; which columns but the
        key are filled; whether the first group began in the block before."""
        if self._is_key_filled:  # a line without a key belongs to the one above
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
        return raw, columns, goes_on

    @property
    def _last_key(self) -> str | None:
        return self._last.get(self._key)

    def _doubts(
        self, lines: NDArray[np.int64], run: pl.Series, has_key: pl.Series, stated: pl.Series,
        goes_on: bool,
    ) -> pl.Series:  # fmt: skip
        """For each row the unread line that may be its order's first; 0 where none may be.

        Between an unread line and the first row that says what stands on first lines, rows are in
        doubt. Where each row has its order's key, those of an order that began before are not; a
        row without a key is as good as unread for those that follow it.
        """
        passed = np.searchsorted(self._unread, lines)
        last_unread = np.concatenate([[0], self._unread])[passed]
        previous = np.concatenate([[self._last_line], lines[:-1]])
        behind = pl.Series(np.where(last_unread > previous, last_unread, 0))
        begins = behind > 0
        if not self._is_key_filled:
            is_keyless = (~has_key).shift(1, fill_value=self._last_line > 0 and not self._last_key)
            behind = behind.zip_with(begins | ~is_keyless, pl.Series(previous))
            begins = (run != run.shift(1)).fill_null(not goes_on)
        nobody = pl.Series([0], dtype=pl.Int64).new_from_index(0, len(behind))
        doubts = behind.zip_with(~stated, nobody)  # a row that states something begins its order
        doubts = doubts.set(~begins & ~stated, None).fill_null(strategy="forward")
        doubts = doubts.fill_null(self._doubt)
        self._unread = self._unread[passed[-1] :]
        self._last_line, self._doubt = int(lines[-1]), doubts[-1]
        return doubts

    def _behind_unread(self, doubts: pl.Series, key: pl.Series) -> list[pl.DataFrame]:
        """Reasons of rows whose order's first line may be one that cannot be read."""
        reasons: list[pl.DataFrame] = []
        for line in doubts.filter(doubts > 0).unique().sort():
            reasons += reasons_of(
                doubts == line, key, Column(self._name, None), UNREAD,
                f"line {line} above is refused and may be the first of this order, so what an "
                f"order's first line says ({self._told}) is not known here; correct that line",
            )  # fmt: skip
        return reasons

    def _apart(self, raw: pl.DataFrame, columns: list[str], goes_on: bool) -> list[pl.DataFrame]:
        """Reasons of rows whose group has come before, elsewhere, and whose value is empty here."""
        if not columns:
            return []
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
