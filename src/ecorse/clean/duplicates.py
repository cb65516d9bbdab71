"""Finds rows that may repeat an earlier row of the same file, in bounded memory.

What belongs here: the filter that finds candidates. What does not: the decision; whoever asks
compares candidates with the rows themselves, so a wrong guess costs time and never a row.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

BITS = 4  # per row, all in one 64-bit word, so that a row costs one access to memory
BITS_PER_ROW = 24  # about one new row in 500 is then looked up in vain
BYTES_PER_ROW = 64  # a guess at the file's row length, only to size the filter
MAX_BYTES = 64 << 20


class SeenRows:
    """A Bloom filter over row hashes: never misses a repeated row, sometimes suspects a new one.

    Memory is fixed at the start by the file's size and never above 64 MiB; a longer file makes
    more candidates, not more memory. Source: Bloom, "Space/time trade-offs in hash coding with
    allowable errors", CACM 13(7), 1970, https://doi.org/10.1145/362686.362692; one word per
    row: Putze, Sanders and Singler, "Cache-, hash- and space-efficient Bloom filters", 2007,
    https://doi.org/10.1007/978-3-540-72845-0_9
    """

    def __init__(self, file_bytes: int) -> None:
        wanted = file_bytes // BYTES_PER_ROW * BITS_PER_ROW // 8
        size = 1 << max(min(wanted, MAX_BYTES) - 1, 1 << 12).bit_length()
        self._words: NDArray[np.uint64] = np.zeros(size // 8, np.uint64)

    def candidates(self, rows: pl.DataFrame) -> pl.Series:
        """Mark the rows that may equal an earlier one, and remember all of them.

        Parameters
        ----------
        rows
            The columns that identify a row.

        Returns
        -------
        pl.Series
            Booleans, one per row; every true repetition is marked.
        """
        hashes = rows.hash_rows(seed=6032)
        value = hashes.to_numpy()
        bits = np.zeros(len(value), np.uint64)
        for i in range(BITS):  # six bits of the hash choose each bit of the word
            bits |= np.uint64(1) << ((value >> np.uint64(6 * i)) & np.uint64(63))
        word = (value >> np.uint64(6 * BITS)) & np.uint64(len(self._words) - 1)
        was_seen = (self._words[word] & bits) == bits
        np.bitwise_or.at(self._words, word, bits)
        return ~hashes.is_first_distinct() | pl.Series(was_seen, dtype=pl.Boolean)
