"""Counting the baskets that two products share, compiled by numba.

What belongs here: that one loop; see ``kernels`` for what every kernel keeps to. What does not:
which pairs are asked about (``recommenders.shared_baskets``).
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

import ecorse.models.kernels  # noqa: F401  (where numba keeps what it compiled)


@numba.njit(cache=True, nogil=True)
def shared_of_pairs(
    indptr: npt.NDArray[np.integer],
    indices: npt.NDArray[np.integer],
    one: npt.NDArray[np.int64],
    other: npt.NDArray[np.int64],
    marks: npt.NDArray[np.uint8],
    counts: npt.NDArray[np.int64],
) -> None:
    """Write into ``counts`` ``(pairs,)`` in how many columns both rows of each pair are stored.

    ``indptr``, ``indices`` are a csr matrix. Pairs of the same ``one`` follow each other: its
    columns are marked once, and those of ``other`` looked up; so ``one`` is best the longer row.
    ``marks`` ``(n_columns,)`` is room to work in, all 0, and is left so.
    """
    marked = -1
    for pair in range(len(one)):
        if one[pair] != marked:
            if marked >= 0:
                for place in range(indptr[marked], indptr[marked + 1]):
                    marks[indices[place]] = 0
            marked = one[pair]
            for place in range(indptr[marked], indptr[marked + 1]):
                marks[indices[place]] = 1
        count = 0
        row = other[pair]
        for place in range(indptr[row], indptr[row + 1]):
            count += marks[indices[place]]
        counts[pair] = count
    if marked >= 0:
        for place in range(indptr[marked], indptr[marked + 1]):
            marks[indices[place]] = 0
