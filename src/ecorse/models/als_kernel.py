"""One half of an alternating least squares step, compiled: each row's factors, others held.

What belongs here: the loop. What does not: the model (``recommenders.als``).
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

import ecorse.models.kernels  # noqa: F401  where compiled code is kept

LANES = (
    8  # partial sums of a dot product: the order of additions is fixed, and still one of vectors
)


@numba.njit(inline="always")
def dot(
    one: npt.NDArray[np.float32], other: npt.NDArray[np.float32], lanes: npt.NDArray[np.float32]
) -> np.float32:
    """The product of two vectors whose length is a multiple of ``LANES``; ``lanes``: room.

    The compiler may not reorder sums here: where it may, it chooses by where arrays lie in memory
    between two orders, and the same seed gave other factors.
    """
    lanes[:] = 0
    for first in range(0, len(one), LANES):
        for lane in range(LANES):
            lanes[lane] += one[first + lane] * other[first + lane]
    total = np.float32(0)
    for lane in range(LANES):
        total += lanes[lane]
    return total


@numba.njit(inline="always")
def add_product(
    square: npt.NDArray[np.float32], one: npt.NDArray[np.float32], total: npt.NDArray[np.float32]
) -> None:
    """Add a symmetric matrix times a vector, whose length is a multiple of 4, to ``total``.

    Four columns at a time: ``total`` is read and written a quarter as often.
    """
    for b in range(0, len(one), 4):
        w, x, y, z = one[b], one[b + 1], one[b + 2], one[b + 3]
        for a in range(len(one)):
            total[a] += (square[b, a] * w + square[b + 1, a] * x) + (
                square[b + 2, a] * y + square[b + 3, a] * z
            )


@numba.njit(cache=True, nogil=True)
def solve_rows(
    indptr: npt.NDArray[np.integer],
    indices: npt.NDArray[np.integer],
    confidence: npt.NDArray[np.float32],
    others: npt.NDArray[np.float32],
    gram: npt.NDArray[np.float32],
    start: int,
    end: int,
    steps: int,
    mine: npt.NDArray[np.float32],
) -> None:
    """Move rows ``start`` to ``end`` of ``mine`` ``(n, rank)`` towards what solves them.

    A row solves ``(gram + sum (c - 1) y y') x = sum c y`` over what it holds, with ``gram``
    ``(rank, rank)`` = Y'Y + penalty I; ``steps`` of conjugate gradients from where the row is.
    """
    rank = others.shape[1]
    rest, way = np.empty(rank, np.float32), np.empty(rank, np.float32)
    moved, lanes = np.empty(rank, np.float32), np.empty(LANES, np.float32)
    for row in range(start, end):
        first, last = indptr[row], indptr[row + 1]
        here = mine[row]
        if first == last:
            here[:] = 0
            continue
        rest[:] = 0
        add_product(gram, here, rest)
        for a in range(rank):
            rest[a] = -rest[a]
        for place in range(first, last):
            y, c = others[indices[place]], confidence[place]
            pull = c - (c - np.float32(1)) * dot(y, here, lanes)
            for a in range(rank):
                rest[a] += pull * y[a]
        way[:] = rest
        size = dot(rest, rest, lanes)
        for _ in range(steps):
            if size < 1e-20:
                break
            moved[:] = 0
            add_product(gram, way, moved)
            for place in range(first, last):
                y, c = others[indices[place]], confidence[place]
                pull = (c - np.float32(1)) * dot(y, way, lanes)
                for a in range(rank):
                    moved[a] += pull * y[a]
            far = size / dot(way, moved, lanes)
            for a in range(rank):
                here[a] += far * way[a]
                rest[a] -= far * moved[a]
            fresh = dot(rest, rest, lanes)
            turn = fresh / size
            for a in range(rank):
                way[a] = rest[a] + turn * way[a]
            size = fresh
