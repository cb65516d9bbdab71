"""One half of an alternating least squares step, compiled: each row's factors, others held.

What belongs here: the loop. What does not: the model (``recommenders.als``).
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

import ecorse.models.kernels  # noqa: F401  where compiled code is kept


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})  # type: ignore[untyped-decorator]
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
    """Move rows ``start`` to ``end`` of ``mine`` ``(n, rank)`` towards their least squares solution.

    Row u minimises ``sum over all items (c - 1 at what is stored, else 1) ...`` of Hu et al.: the
    system ``(gram + sum (c - 1) y y') x = sum c y`` over the row's items, with ``gram`` ``(rank,
    rank)`` = Y'Y + penalty I; ``steps`` of conjugate gradients from where the row is.
    """
    rank = others.shape[1]
    rest, way, moved = (
        np.empty(rank, np.float32),
        np.empty(rank, np.float32),
        np.empty(rank, np.float32),
    )
    for row in range(start, end):
        first, last = indptr[row], indptr[row + 1]
        here = mine[row]
        if first == last:
            here[:] = 0
            continue
        for a in range(rank):
            total = np.float32(0)
            for b in range(rank):
                total += gram[a, b] * here[b]
            rest[a] = -total
        for place in range(first, last):
            y, c = others[indices[place]], confidence[place]
            dot = np.float32(0)
            for a in range(rank):
                dot += y[a] * here[a]
            pull = c - (c - np.float32(1)) * dot
            for a in range(rank):
                rest[a] += pull * y[a]
        size = np.float32(0)
        for a in range(rank):
            way[a] = rest[a]
            size += rest[a] * rest[a]
        for _ in range(steps):
            if size < 1e-20:
                break
            for a in range(rank):
                total = np.float32(0)
                for b in range(rank):
                    total += gram[a, b] * way[b]
                moved[a] = total
            for place in range(first, last):
                y, c = others[indices[place]], confidence[place]
                dot = np.float32(0)
                for a in range(rank):
                    dot += y[a] * way[a]
                pull = (c - np.float32(1)) * dot
                for a in range(rank):
                    moved[a] += pull * y[a]
            along = np.float32(0)
            for a in range(rank):
                along += way[a] * moved[a]
            far = size / along
            fresh = np.float32(0)
            for a in range(rank):
                here[a] += far * way[a]
                rest[a] -= far * moved[a]
                fresh += rest[a] * rest[a]
            turn = fresh / size
            for a in range(rank):
                way[a] = rest[a] + turn * way[a]
            size = fresh
