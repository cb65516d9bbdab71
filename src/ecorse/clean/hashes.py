"""What a file's rows were told apart by so far: hashes with a number each, in little memory.

What belongs here: remembering and looking up whole columns at once. What does not: what is hashed.
16 bytes per value; two of a billion values share a hash with a chance of 1 in 18.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray


class Known(NamedTuple):
    """Per row: whether its hash was there, and the number it came with (0 where it was not)."""

    is_known: NDArray[np.bool_]
    numbers: NDArray[np.int64]


class Hashes:
    """A growing set of 64-bit hashes with a number each, as sorted runs that are merged.

    Source: O'Neil et al., "The log-structured merge-tree",
    https://doi.org/10.1007/s002360050048
    """

    def __init__(self) -> None:
        self._runs: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []

    def find(self, hashes: NDArray[np.uint64]) -> Known:
        """Look hashes up."""
        is_known = np.zeros(len(hashes), np.bool_)
        numbers = np.zeros(len(hashes), np.int64)
        for keys, values in self._runs:
            at = np.minimum(np.searchsorted(keys, hashes), len(keys) - 1)
            hit = keys[at] == hashes
            is_known |= hit
            numbers[hit] = values[at[hit]]
        return Known(is_known, numbers)

    def runs(self) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int64]]]:
        """All hashes with their numbers, in parts."""
        yield from self._runs

    def add(self, hashes: NDArray[np.uint64], numbers: NDArray[np.int64]) -> None:
        """Remember hashes that are not there yet, each once."""
        if not len(hashes):
            return
        order = np.argsort(hashes, kind="stable")
        run = (hashes[order], numbers[order])
        while self._runs and len(self._runs[-1][0]) <= 2 * len(run[0]):
            keys = np.concatenate((self._runs[-1][0], run[0]))
            values = np.concatenate((self._runs.pop()[1], run[1]))
            order = np.argsort(keys, kind="stable")
            run = (keys[order], values[order])
        self._runs.append(run)


def hash_texts(texts: pl.Series) -> NDArray[np.uint64]:
    """The hashes of a column's texts."""
    return texts.hash(seed=6032).to_numpy()
