"""Finds rows that may repeat an earlier row of the same file, in bounded memory.

What belongs here: the filter that finds candidates. What does not: the decision; whoever asks
compares candidates with the rows themselves, so a wrong guess costs time and never a row.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

PROBES = 4
BITS_PER_ROW = 16  # with 4 probes 0.24 % of new rows are looked up in vain
BYTES_PER_ROW = 64  # a guess at the file's row length, only to size the filter
MAX_BYTES = 64 << 20


class SeenRows:
    """A Bloom filter over row hashes: never misses a repeated row, sometimes suspects a new one.

    Memory is fixed at the start by the file's size and never above 64 MiB; a longer file makes
    more candidates, not more memory. Source: Bloom, "Space/time trade-offs in hash coding with
    allowable errors", CACM 13(7), 1970, https://doi.org/10.1145/362686.362692; two hashes for
    all probes: Kirsch and Mitzenmacher, https://doi.org/10.1002/rsa.20208
    """

    def __init__(self, file_bytes: int) -> None:
        wanted = file_bytes // BYTES_PER_ROW * BITS_PER_ROW // 8
        size = 1 << max(min(wanted, MAX_BYTES) - 1, 1 << 12).bit_length()
        self._bits: NDArray[np.uint8] = np.zeros(size, np.uint8)
        self._mask = np.uint64(size * 8 - 1)

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
        is_again = ~hashes.is_first_distinct()
        value = hashes.to_numpy()
        step = (value >> np.uint64(32)) | np.uint64(1)
        was_seen = np.ones(len(value), np.bool_)
        for probe in range(PROBES):
            bit = (value + np.uint64(probe) * step) & self._mask
            byte, flag = bit >> np.uint64(3), np.uint8(1) << (bit & np.uint64(7)).astype(np.uint8)
            was_seen &= (self._bits[byte] & flag) != 0
            np.bitwise_or.at(self._bits, byte, flag)
        return is_again | pl.Series(was_seen)
