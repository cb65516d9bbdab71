"""Loops over numbers that numpy has no words for, compiled by numba.

What belongs here: kernels that several models need; each releases the interpreter's lock, so that
``threads.in_threads`` runs them side by side, and none starts threads of its own: results depend on
no number of threads. What does not: any model.

Numba is imported with this module, so this module is imported where a kernel is called.
"""

from __future__ import annotations

import os

from ecorse.settings import get_settings

# beside what else may be made anew; where the package itself cannot be written to and there is no
# home folder, numba would otherwise refuse to compile at all
os.environ.setdefault("NUMBA_CACHE_DIR", str(get_settings().home / "cache" / "numba"))

import numba
import numpy as np
import numpy.typing as npt

NOTHING = -1


@numba.njit(cache=True, nogil=True)
def best_of_rows(
    scores: npt.NDArray[np.floating],
    is_allowed: npt.NDArray[np.bool_],
    indptr: npt.NDArray[np.integer],
    indices: npt.NDArray[np.integer],
    items: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
) -> None:
    """Write the best of each row of ``scores`` ``(n, n_items)`` into ``items`` and ``values``.

    Both are ``(n, k)``; the best come first, ties by item number; -1 and 0 behind the last. What is
    stored in the row of ``indptr``, ``indices`` (csr) and what is not allowed is left out, and so
    is every score that is not above 0. ``scores`` is written to.
    """
    n, n_items = scores.shape
    k = items.shape[1]
    for row in range(n):
        for place in range(indptr[row], indptr[row + 1]):
            scores[row, indices[place]] = 0.0
        found = 0
        for item in range(n_items):
            score = scores[row, item]
            if not score > 0.0 or not is_allowed[item]:
                continue
            if found == k:
                if k == 0 or not score > values[row, k - 1]:
                    continue
                place = k - 1
            else:
                place = found
                found += 1
            # equal scores keep the order in which they come: by item number
            while place > 0 and values[row, place - 1] < score:
                values[row, place] = values[row, place - 1]
                items[row, place] = items[row, place - 1]
                place -= 1
            values[row, place] = score
            items[row, place] = item
        for place in range(found, k):
            items[row, place] = NOTHING
            values[row, place] = 0.0


@numba.njit(cache=True, nogil=True)
def nearest_of_rows(
    left_indptr: npt.NDArray[np.integer],
    left_indices: npt.NDArray[np.integer],
    left_data: npt.NDArray[np.float32],
    right_indptr: npt.NDArray[np.integer],
    right_indices: npt.NDArray[np.integer],
    right_data: npt.NDArray[np.float32],
    start: int,
    shrink: float,
    sums: npt.NDArray[np.float64],
    supports: npt.NDArray[np.int64],
    touched: npt.NDArray[np.int64],
    items: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
) -> None:
    """The largest entries of rows of a product of two sparse matrices, without the diagonal.

    Rows ``start`` to ``start + len(items)`` of ``left @ right``; ``items`` and ``values`` are
    ``(rows, k)``, the largest first, ties by number; -1 and 0 behind the last. Each entry is times
    ``n / (n + shrink)`` for the ``n`` terms of its sum. ``sums``, ``supports`` (both all 0) and
    ``touched`` are ``(n_columns,)`` of room to work in, and are left as they were.
    """
    k = items.shape[1]
    for place_of_row in range(items.shape[0]):
        row = start + place_of_row
        count = 0
        for one in range(left_indptr[row], left_indptr[row + 1]):
            middle, weight = left_indices[one], left_data[one]
            for other in range(right_indptr[middle], right_indptr[middle + 1]):
                column = right_indices[other]
                if supports[column] == 0:
                    touched[count] = column
                    count += 1
                supports[column] += 1
                sums[column] += weight * right_data[other]
        found = 0
        for number in range(count):
            column = touched[number]
            score = sums[column]
            if shrink > 0:
                score *= supports[column] / (supports[column] + shrink)
            sums[column] = 0.0
            supports[column] = 0
            if column == row or not score > 0:
                continue
            if found == k:
                last = k - 1
                if score < values[place_of_row, last] or (
                    score == values[place_of_row, last] and column > items[place_of_row, last]
                ):
                    continue
                place = last
            else:
                place = found
                found += 1
            while place > 0 and (
                values[place_of_row, place - 1] < score
                or (
                    values[place_of_row, place - 1] == score
                    and items[place_of_row, place - 1] > column
                )
            ):
                values[place_of_row, place] = values[place_of_row, place - 1]
                items[place_of_row, place] = items[place_of_row, place - 1]
                place -= 1
            values[place_of_row, place] = score
            items[place_of_row, place] = column
        for place in range(found, k):
            items[place_of_row, place] = NOTHING
            values[place_of_row, place] = 0.0


@numba.njit(cache=True, nogil=True)
def dots_of_rows(
    indptr: npt.NDArray[np.integer],
    indices: npt.NDArray[np.integer],
    data: npt.NDArray[np.floating],
    one: npt.NDArray[np.integer],
    other: npt.NDArray[np.integer],
    found: npt.NDArray[np.float64],
) -> None:
    """Write the product of rows ``one[n]`` and ``other[n]`` of a csr matrix into ``found[n]``.

    Indices are sorted within each row; sums are taken in their order.
    """
    for number in range(len(one)):
        here, end = indptr[one[number]], indptr[one[number] + 1]
        there, last = indptr[other[number]], indptr[other[number] + 1]
        total = 0.0
        while here < end and there < last:
            gap = indices[here] - indices[there]
            if gap == 0:
                total += np.float64(data[here]) * np.float64(data[there])
            if gap <= 0:
                here += 1
            if gap >= 0:
                there += 1
        found[number] = total
