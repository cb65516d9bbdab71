"""One half of an alternating least squares step, compiled: each row's factors, others held.

What belongs here: the loop. What does not: the model (``recommenders.als``).
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

import ecorse.models.kernels  # noqa: F401  where compiled code is kept

LANES = 16  # vectors are as long as a multiple of it
TOGETHER = 32  # rows
Vectors = npt.NDArray[np.float32]
AT_REST = np.float32(1e-20)  # a residual's square below which a row is solved


@numba.njit(inline="always")
def dot(one: Vectors, other: Vectors, room: Vectors) -> np.float32:
    """The product of two vectors whose length is a multiple of ``LANES``; ``room`` is as long.

    The compiler may not reorder sums here: where it may, it chooses by where arrays lie in memory
    between two orders, and the same seed gave other factors. So products are added to those half
    of the vectors further on, as long as that many are a multiple of eight: vectors' work.
    """
    half = len(one) // 2
    for place in range(half):
        room[place] = one[place] * other[place] + one[place + half] * other[place + half]
    while half % 16 == 0:
        half //= 2
        for place in range(half):
            room[place] += room[place + half]
    for first in range(8, half, 8):
        for place in range(8):
            room[place] += room[place + first]
    total: np.float32 = ((room[0] + room[4]) + (room[2] + room[6])) + (
        (room[1] + room[5]) + (room[3] + room[7])
    )
    return total


@numba.njit(cache=True, nogil=True)
def solve_rows(
    indptr: npt.NDArray[np.integer],
    indices: npt.NDArray[np.integer],
    confidence: Vectors,
    others: Vectors,
    gram: Vectors,
    start: int,
    end: int,
    steps: int,
    mine: Vectors,
) -> None:
    """Move rows ``start`` to ``end`` of ``mine`` ``(n, rank)`` towards what solves them.

    A row solves ``(gram + sum (c - 1) y y') x = sum c y`` over what it holds, with ``gram``
    ``(rank, rank)`` = Y'Y + penalty I; ``steps`` of conjugate gradients from where the row is. A
    few rows take each step together: ``gram`` times their directions is one product of matrices,
    and what they hold stays near.
    """
    rank = others.shape[1]
    way, moved = np.empty((TOGETHER, rank), np.float32), np.empty((TOGETHER, rank), np.float32)
    rest, sizes = np.empty((TOGETHER, rank), np.float32), np.empty(TOGETHER, np.float32)
    room = np.empty(rank, np.float32)
    for first in range(start, end, TOGETHER):
        n = min(TOGETHER, end - first)
        here = mine[first : first + n]
        np.dot(here, gram, moved[:n])
        for row in range(n):
            held = slice(indptr[first + row], indptr[first + row + 1])
            _begin(indices[held], confidence[held], others, here[row], moved[row], rest[row], room)
            sizes[row] = dot(rest[row], rest[row], room)
        way[:n] = rest[:n]
        for _ in range(steps):
            np.dot(way[:n], gram, moved[:n])
            for row in range(n):
                if sizes[row] < AT_REST:
                    continue
                held = slice(indptr[first + row], indptr[first + row + 1])
                sizes[row] = _step(
                    indices[held], confidence[held], others, here[row], rest[row], way[row],
                    moved[row], sizes[row], room,
                )  # fmt: skip


@numba.njit(inline="always")
def _begin(
    indices: npt.NDArray[np.integer],
    confidence: Vectors,
    others: Vectors,
    here: Vectors,
    moved: Vectors,
    rest: Vectors,
    room: Vectors,
) -> None:
    """Write into ``rest`` how far a row is from solved; ``moved`` is ``gram`` times the row.

    A row that holds nothing becomes 0 and is at rest.
    """
    if not len(indices):
        here[:], rest[:] = 0, 0
        return
    for a in range(len(here)):
        rest[a] = -moved[a]
    for place in range(len(indices)):
        y, c = others[indices[place]], confidence[place]
        pull = c - (c - np.float32(1)) * dot(y, here, room)
        for a in range(len(here)):
            rest[a] += pull * y[a]


@numba.njit(inline="always")
def _step(
    indices: npt.NDArray[np.integer],
    confidence: Vectors,
    others: Vectors,
    here: Vectors,
    rest: Vectors,
    way: Vectors,
    moved: Vectors,
    size: np.float32,
    room: Vectors,
) -> np.float32:
    """One step of a row along ``way``, which is turned; ``moved`` comes as ``gram`` times it.

    ``size`` is the square of ``rest``; gives the next one.
    """
    for place in range(len(indices)):
        y, c = others[indices[place]], confidence[place]
        pull = (c - np.float32(1)) * dot(y, way, room)
        for a in range(len(here)):
            moved[a] += pull * y[a]
    far = size / dot(way, moved, room)
    for a in range(len(here)):
        here[a] += far * way[a]
        rest[a] -= far * moved[a]
    fresh = dot(rest, rest, room)
    turn = fresh / size
    for a in range(len(here)):
        way[a] = rest[a] + turn * way[a]
    return fresh
