"""Each row's nearest rows, out of a sparse product that is never stored.

What belongs here: dealing the rows out to threads. What does not: the loop (``models.kernels``),
which similarity.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ecorse.models.ranked import NOTHING, Csr, Floats, Ids
from ecorse.models.threads import in_threads

BLOCK_ROWS = 512


def nearest_rows(left: Csr, right: Csr, k: int, *, shrink: float = 0, threads: int = 0) -> Csr:
    """The ``k`` largest entries of each row of ``left @ right``, without the diagonal.

    Parameters
    ----------
    left, right
        ``(n, m)`` and ``(m, n)``; sums are taken in float64 in the order of ``m``.
    shrink
        An entry is times ``c / (c + shrink)`` for the ``c`` terms of its sum.

    Returns
    -------
    ``(n, n)`` float32; ties at the last place go to the smaller number.
    """
    from ecorse.models.kernels import nearest_of_rows

    kernel: Callable[..., None] = nearest_of_rows
    width = right.shape[1]
    parts = (
        *(np.asarray(p) for p in (left.indptr, left.indices, left.data.astype(np.float32))),
        *(np.asarray(p) for p in (right.indptr, right.indices, right.data.astype(np.float32))),
    )

    def work(start: int, items: Ids, values: Floats) -> None:
        room = np.full(width, np.nan), np.zeros(width, np.int32), np.empty(width + 1, np.int32)
        kernel(*parts, start, float(shrink), *room, items, values)

    return _by_blocks(work, left.shape[0], width, k, threads)


def nearest_shared(rows: Csr, scale: Floats, k: int, *, shrink: float = 0, threads: int = 0) -> Csr:
    """The nearest columns of each column of ``rows`` ``(m, n)``, by how many rows store both.

    That count is times the ``scale`` ``(n,)`` of both, and shrunk, as ``nearest_rows`` of a matrix
    whose columns hold nothing but their ``scale``.
    """
    from ecorse.models.kernels import most_shared_of_rows

    kernel: Callable[..., None] = most_shared_of_rows
    width = rows.shape[1]
    across = sparse.csr_matrix(rows.T)
    parts = across.indptr, across.indices, rows.indptr, rows.indices

    def work(start: int, items: Ids, values: Floats) -> None:
        room = np.zeros(width, np.int32), np.empty(width + 1, np.int32)
        kernel(*parts, start, scale, float(shrink), *room, items, values)

    return _by_blocks(work, width, width, k, threads)


def _by_blocks(
    work: Callable[[int, Ids, Floats], None], n: int, width: int, k: int, threads: int
) -> Csr:
    """The rows that ``work`` writes from a first row on, as one matrix."""
    k = min(k, max(0, n - 1))

    def one_block(start: int) -> tuple[Ids, Ids, npt.NDArray[np.float32]]:
        rows = min(BLOCK_ROWS, n - start)
        items, values = np.empty((rows, k), np.int64), np.empty((rows, k))
        work(start, items, values)
        columns = np.where(items == NOTHING, width, items)
        order = np.argsort(columns, axis=1)
        columns = np.take_along_axis(columns, order, axis=1)
        is_there = columns < width
        near = np.take_along_axis(values, order, axis=1)[is_there]
        return is_there.sum(axis=1), columns[is_there], near.astype(np.float32)

    blocks = list(in_threads(one_block, range(0, n, BLOCK_ROWS), threads)) if k else []
    if not blocks:
        return sparse.csr_matrix((n, width), dtype=np.float32)
    sizes, columns, values = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    return sparse.csr_matrix((values, columns, indptr), shape=(n, width))
