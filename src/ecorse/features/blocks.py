"""Features as blocks of columns, and sums over them that need no copy of all columns side by side.

What belongs here: the shape, means and products of columns, sums by group, the hash. What does
not: computing features (``orders``), scaling and axes (``ecorse.segments``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from ecorse.models.ranked import Csr
from ecorse.models.segmentation_file import Feature

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
PART_ROWS = 65_536  # rows that are worked on at once


@dataclass(frozen=True)
class Block:
    """The columns of one feature: ``cells`` of shape ``(n_entities, len(columns))``, float64.

    Shares are sparse: an order of 50 categories holds one or two, and 1.2 million orders with all
    their zeros took 3.2 GB. ``known`` ``(n,)`` says which entities have a number; ``None``: all.
    """

    feature: Feature
    columns: tuple[str, ...]
    cells: Floats | Csr
    known: Mask | None = None

    @property
    def n(self) -> int:
        """Number of entities."""
        return int(self.cells.shape[0])

    @property
    def values(self) -> Floats:
        """All cells, dense: ``(n, len(columns))``."""
        return self.part(slice(0, self.n))

    def part(self, rows: slice) -> Floats:
        """The cells of some rows, dense."""
        if isinstance(self.cells, np.ndarray):
            return self.cells[rows]
        dense: Floats = self.cells[rows].toarray()
        return dense

    def take(self, rows: Labels) -> Block:
        """The block of some entities, by their numbers."""
        known = None if self.known is None else self.known[rows]
        return Block(self.feature, self.columns, self.cells[rows], known)

    @property
    def sums(self) -> Floats:
        """Sum of each column, ``(len(columns),)``."""
        sums: Floats = np.asarray(self.cells.sum(axis=0), dtype=np.float64).ravel()
        return sums

    def sums_by(self, groups: Labels, size: int) -> Floats:
        """Sum of each column in each of ``size`` groups: ``(size, len(columns))``.

        ``groups`` ``(n,)`` numbers the group of each row.
        """
        width = len(self.columns)
        if isinstance(self.cells, np.ndarray):
            by = [np.bincount(groups, column, minlength=size) for column in self.cells.T]
            return np.column_stack(by).astype(np.float64)
        keys = np.repeat(groups, np.diff(self.cells.indptr)) * width + self.cells.indices
        flat = np.bincount(keys, self.cells.data, minlength=size * width)
        return flat.reshape(size, width).astype(np.float64)

    @cached_property
    def turns(self) -> Floats:
        """Of a cycle: the place of each row's mean direction, 0 to 1 of a turn."""
        turns: Floats = np.arctan2(self.values[:, 0], self.values[:, 1]) / (2.0 * np.pi) % 1.0
        return turns


def stack(blocks: Sequence[Block]) -> Floats:
    """All blocks side by side: shape ``(n, total columns)``, float64, C order."""
    return np.ascontiguousarray(np.hstack([block.values for block in blocks]))


@dataclass(frozen=True)
class Moments:
    """Means and products of all columns.

    Attributes
    ----------
    means : ``(d,)``.
    products : ``(d, d)`` sums over rows of products of two centred columns.
    """

    n: int
    means: Floats
    products: Floats


def moments(blocks: Sequence[Block]) -> Moments:
    """Means and centred products of the columns of all blocks, pair by pair of blocks.

    Dense columns are centred before they are multiplied; of sparse ones, shares of 0 to 1, the
    product of the means is taken off afterwards.
    """
    n = blocks[0].n
    means = [block.sums / n for block in blocks]
    ends = np.cumsum([0, *(len(block.columns) for block in blocks)])
    products = np.empty((ends[-1], ends[-1]))
    for i, block in enumerate(blocks):
        centred = _centred(block, means[i])
        for j in range(i + 1):
            found = _product(centred, _centred(blocks[j], means[j]), means[i], means[j])
            products[ends[i] : ends[i + 1], ends[j] : ends[j + 1]] = found
            products[ends[j] : ends[j + 1], ends[i] : ends[i + 1]] = found.T
    return Moments(n, np.concatenate(means), products)


def _centred(block: Block, means: Floats) -> Floats | Csr:
    return block.cells - means if isinstance(block.cells, np.ndarray) else block.cells


def _product(a: Floats | Csr, b: Floats | Csr, a_means: Floats, b_means: Floats) -> Floats:
    product = a.T @ b
    if isinstance(product, np.ndarray):
        return product  # one of them is centred, and so is the product
    dense: Floats = product.toarray() - a.shape[0] * np.outer(a_means, b_means)
    return dense


def hash_features(ids: pl.Series, blocks: Sequence[Block]) -> str:
    """sha256 of ids, column names and values (to 9 decimals): the same data has the same hash."""
    digest = hashlib.sha256()
    digest.update("\x1f".join(c for block in blocks for c in block.columns).encode())
    for start in range(0, len(ids), PART_ROWS):
        digest.update("\x1f".join(map(str, ids[start : start + PART_ROWS])).encode())
    for block in blocks:
        cells = block.cells
        if isinstance(cells, np.ndarray):
            parts = [cells[at : at + PART_ROWS] for at in range(0, block.n, PART_ROWS)]
        else:
            parts = [cells.indptr, cells.indices, cells.data]
        for part in parts:
            digest.update((np.round(part, 9) + 0.0).tobytes())  # + 0.0 turns -0.0 into 0.0
    return digest.hexdigest()
