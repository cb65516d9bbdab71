"""Finds rows that repeat an earlier row of the same file, in bounded memory.

What belongs here: deciding within a block, suspecting across blocks, and which earlier lines a
suspected row may repeat. What does not: comparing across blocks; whoever asks compares candidates
with those lines where they are, so a wrong guess costs time and never a row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars._typing import PolarsDataType

from ecorse.schema.table import NOT_COMPARED
from ecorse.settings import get_settings

BITS = 4  # per row, all in one 64-bit word, so that a row costs one access to memory
BITS_PER_ROW = 24  # about one new row in 500 is then looked up in vain
BYTES_PER_ROW = 64  # a guess at the file's row length, only to size the filter
MAX_BYTES = 64 << 20
NOTES_IN_MEMORY = 1 << 20  # of 16 bytes a row; more of them go to a temporary file
ROWS_AT_ONCE = 1 << 19
SIEVE = 1 << 20


class Verdict(NamedTuple):
    """What each row of a block is, one entry per row.

    ``repeated``: it repeats an earlier row of the block for certain; ``candidate``: it may repeat
    an earlier row of the file. ``otherwise``: what the original says in ``extra``, where a
    repeated row says otherwise; else null. ``contradicts``: the line of an earlier row of the
    block that has its key and other content, where rows have a key; else null.
    """

    repeated: pl.Series
    candidate: pl.Series
    otherwise: pl.Series
    contradicts: pl.Series


class SeenRows:
    """A Bloom filter over row hashes: never misses a repeated row, sometimes suspects a new one.

    A row of the block at hand is compared with the block's earlier rows at once; only what may
    repeat a row of an earlier block is left undecided. Memory is fixed at the start by the file's
    size and never above 64 MiB; a longer file makes more candidates, not more memory. Hash and
    line of every row that is new for certain are noted in a temporary file, so that those which
    a candidate may repeat can be named in the end (``originals``).

    Parameters
    ----------
    file_bytes
        The file's size, which the filter is sized by.
    key
        The columns whose hash suspects a row: equal rows agree in them.
    inexact
        Columns in which rows may be equal though their values differ here (JSON, say).
    is_keyed
        Whether ``key`` is the rows' own: of two rows that agree in it only the first is new,
        whatever the other says.

    Source: Bloom, "Space/time trade-offs in hash coding with
    allowable errors", CACM 13(7), 1970, https://doi.org/10.1145/362686.362692; one word per
    row: Putze, Sanders and Singler, "Cache-, hash- and space-efficient Bloom filters", 2007,
    https://doi.org/10.1007/978-3-540-72845-0_9
    """

    def __init__(
        self,
        file_bytes: int,
        key: Sequence[str],
        inexact: Collection[str] = frozenset(),
        *,
        is_keyed: bool = False,
    ) -> None:
        wanted = file_bytes // BYTES_PER_ROW * BITS_PER_ROW // 8
        size = 1 << max(min(wanted, MAX_BYTES) - 1, 1 << 12).bit_length()
        self._words: NDArray[np.uint64] = np.zeros(size // 8, np.uint64)
        self._key, self._inexact, self._is_keyed = key, inexact, is_keyed
        self._certain, self._suspects = _notes(), _notes()

    def judge(self, rows: pl.DataFrame) -> Verdict:
        """Tell which rows of a block repeat an earlier row or may do so, and remember all.

        Parameters
        ----------
        rows
            The block's rows with ``source_line``; two rows are equal if they agree in every other
            column that is declared (``table.NOT_COMPARED`` has those that are not).
        """
        hashes = rows.select(self._key).hash_rows(seed=6032)
        later = hashes.filter(~hashes.is_first_distinct())
        no = pl.Series([False], dtype=pl.Boolean).new_from_index(0, rows.height)
        candidate = pl.Series(self._meet(hashes.to_numpy()), dtype=pl.Boolean)
        verdict = Verdict(no, candidate, _nothing(pl.String, len(no)), _nothing(pl.Int64, len(no)))
        if len(later):
            at = hashes.is_in(later.implode()).arg_true()
            judge = self._judge_keyed if self._is_keyed else self._judge_alike
            judged = judge(rows[at], candidate.gather(at))
            verdict = Verdict(
                *(whole.scatter(at, part) for whole, part in zip(verdict, judged, strict=True))
            )
        known = verdict.repeated | verdict.candidate | verdict.contradicts.is_not_null()
        self._note(rows["source_line"], hashes, known, verdict.candidate)
        return verdict

    def _judge_alike(self, rows: pl.DataFrame, candidate: pl.Series) -> Verdict:
        """Judge rows of one block whose keys come more than once in it."""
        alike = rows.select(pl.exclude(NOT_COMPARED))
        is_new = _is_first(alike)
        is_doubtful = ~_is_first(alike.drop(self._inexact, strict=False)) & is_new
        undecided = (candidate & is_new) | is_doubtful
        otherwise = _otherwise(rows, alike, ~is_new)
        return Verdict(~is_new, undecided, otherwise, _nothing(pl.Int64, rows.height))

    def _judge_keyed(self, rows: pl.DataFrame, candidate: pl.Series) -> Verdict:
        """The same where rows have a key: what follows a candidate is one too."""
        alike = rows.select(pl.exclude(NOT_COMPARED))
        is_new = _is_first(rows.select(self._key))
        exact = alike.drop(self._inexact, strict=False)
        same, may_be_same = (_as_first(a, rows.select(self._key)) for a in (alike, exact))
        found = rows.select(
            first=pl.col("source_line").first().over(self._key),
            follows=pl.lit(candidate).first().over(self._key),
        )
        undecided = found["follows"] | (~is_new & may_be_same & ~same)
        repeated = ~is_new & same & ~undecided
        contradicts = found["first"].zip_with(
            ~is_new & ~same & ~undecided, pl.Series([None], dtype=pl.Int64)
        )
        return Verdict(repeated, undecided, _otherwise(rows, alike, repeated), contradicts)

    def originals(self) -> Iterator[NDArray[np.int64]]:
        """Give, in parts, the lines that were new for certain and that a candidate may repeat.

        None but those of a candidate's key: a new row that was suspected in vain has none. A line
        may come twice.
        """
        for suspects in _read(self._suspects):
            wanted = np.unique(suspects[:, 0])
            sieve = np.zeros(SIEVE, np.bool_)
            sieve[wanted & np.uint64(SIEVE - 1)] = True
            for rows in _read(self._certain):
                maybe = rows[sieve[rows[:, 0] & np.uint64(SIEVE - 1)]]
                found = maybe[np.isin(maybe[:, 0], wanted), 1]
                if len(found):
                    yield found.view(np.int64)

    def _meet(self, value: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Whether each hash may have come in an earlier block; then remember the block's."""
        bits = np.zeros(len(value), np.uint64)
        for i in range(BITS):  # six bits of the hash choose each bit of the word
            bits |= np.uint64(1) << ((value >> np.uint64(6 * i)) & np.uint64(63))
        word = (value >> np.uint64(6 * BITS)) & np.uint64(len(self._words) - 1)
        was_seen: NDArray[np.bool_] = (self._words[word] & bits) == bits
        np.bitwise_or.at(self._words, word, bits)
        return was_seen

    def _note(
        self, lines: pl.Series, hashes: pl.Series, known: pl.Series, candidate: pl.Series
    ) -> None:
        notes = np.empty((len(lines), 2), np.uint64)
        notes[:, 0], notes[:, 1] = hashes.to_numpy(), lines.to_numpy()
        undecided, old = candidate.to_numpy(), known.to_numpy()
        self._suspects.write(notes[undecided].data if undecided.any() else b"")
        self._certain.write((notes[~old] if old.any() else notes).data)


def _is_first(rows: pl.DataFrame) -> pl.Series:
    """Whether no earlier row has the same values; null equals null."""
    return rows.select(pl.struct(pl.all()).is_first_distinct()).to_series()


def _as_first(values: pl.DataFrame, key: pl.DataFrame) -> pl.Series:
    """Whether each row has the values of the first row of its key; null equals null."""
    one = pl.struct(values.columns)
    of_key = key.select(pl.struct(pl.all()).alias("_key"))
    together = values.select(one.alias("_values")).hstack(of_key)
    first = pl.col("_values").first().over("_key")
    return together.select(pl.col("_values").eq_missing(first)).to_series()


def _otherwise(rows: pl.DataFrame, alike: pl.DataFrame, repeated: pl.Series) -> pl.Series:
    """What the first equal row says in ``extra``, where a repeated row says otherwise."""
    if "extra" not in rows.columns or not repeated.any():
        return _nothing(pl.String, rows.height)
    together = rows.select("extra").hstack(alike.select(pl.struct(pl.all()).alias("_alike")))
    first = together.select(pl.col("extra").first().over("_alike")).to_series()
    is_other = repeated & rows["extra"].ne_missing(first)
    return first.zip_with(is_other, pl.Series([None], dtype=pl.String))


def _nothing(dtype: PolarsDataType, length: int) -> pl.Series:
    return pl.Series([None], dtype=dtype).new_from_index(0, length)


def _notes() -> IO[bytes]:
    home = get_settings().home  # a temporary folder may be memory
    return SpooledTemporaryFile(max_size=NOTES_IN_MEMORY, dir=str(home) if home.is_dir() else None)


def _read(notes: IO[bytes]) -> Iterator[NDArray[np.uint64]]:
    """Notes in parts, ``(n, 2)``: hash and line."""
    position = 0
    while True:
        notes.seek(position)  # another reader of the same notes may be under way
        part = notes.read(16 * ROWS_AT_ONCE)
        if not part:
            return
        position += len(part)
        yield np.frombuffer(part, np.uint64).reshape(-1, 2)
