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


@numba.njit(inline="always")
def _is_behind(score: float, item: int, other_score: float, other_item: int) -> bool:
    """Whether an item comes behind another: a smaller score, or equal ones and a larger number."""
    return score < other_score or (score == other_score and item > other_item)


@numba.njit(nogil=True)
def _sink(
    items: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    size: int,
    item: int,
    score: float,
) -> None:
    """Put an item in the place of the first of a heap of ``size``, whose first is behind all."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and _is_behind(
            values[child + 1], items[child + 1], values[child], items[child]
        ):
            child += 1
        if not _is_behind(values[child], items[child], score, item):
            break
        values[place], items[place] = values[child], items[child]
        place = child
    values[place], items[place] = score, item


@numba.njit(nogil=True)
def _offer(
    items: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    found: int,
    item: int,
    score: float,
) -> int:
    """Keep an item in a heap of the best ``len(items)``; gives how many there are, of ``found``."""
    k = len(items)
    if found == k:
        if k and _is_behind(values[0], items[0], score, item):
            _sink(items, values, k, item, score)
        return found
    place = found
    while place > 0:
        above = (place - 1) // 2
        if not _is_behind(score, item, values[above], items[above]):
            break
        values[place], items[place] = values[above], items[above]
        place = above
    values[place], items[place] = score, item
    return found + 1


@numba.njit(nogil=True)
def _in_order(items: npt.NDArray[np.int64], values: npt.NDArray[np.float64], found: int) -> None:
    """Turn a heap of ``found`` into a list, the best first; -1 and 0 behind the last."""
    for last in range(found - 1, 0, -1):
        item, score = items[last], values[last]
        items[last], values[last] = items[0], values[0]
        _sink(items, values, last, item, score)
    for place in range(found, len(items)):
        items[place] = NOTHING
        values[place] = 0.0


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
        best, valued = items[row], values[row]
        found, least = 0, 0.0
        for item in range(n_items):
            score = scores[row, item]
            # items come by number: an equal one is behind those that are there
            if not score > least or not is_allowed[item]:
                continue
            found = _offer(best, valued, found, item, score)
            if found == k and k > 0:
                least = valued[0]
        _in_order(best, valued, found)


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
    supports: npt.NDArray[np.int32],
    touched: npt.NDArray[np.int32],
    items: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
) -> None:
    """The largest entries of rows of a product of two sparse matrices, without the diagonal.

    Rows ``start`` to ``start + len(items)`` of ``left @ right``; ``items`` and ``values`` are
    ``(rows, k)``, the largest first, ties by number; -1 and 0 behind the last. Each entry is times
    ``n / (n + shrink)`` for the ``n`` terms of its sum. ``sums`` (all nan), ``supports`` (all 0;
    not used without ``shrink``) and ``touched`` are ``(n_columns,)`` of room to work in, and are
    left as they were.
    """
    for place_of_row in range(items.shape[0]):
        row = start + place_of_row
        count = 0
        for one in range(left_indptr[row], left_indptr[row + 1]):
            middle, weight = left_indices[one], np.float64(left_data[one])
            for other in range(right_indptr[middle], right_indptr[middle + 1]):
                column = right_indices[other]
                before = sums[column]
                if np.isnan(before):
                    touched[count] = column
                    count += 1
                    before = 0.0
                sums[column] = before + weight * right_data[other]
        if shrink > 0:
            for one in range(left_indptr[row], left_indptr[row + 1]):
                middle = left_indices[one]
                for other in range(right_indptr[middle], right_indptr[middle + 1]):
                    supports[right_indices[other]] += 1
        best, valued = items[place_of_row], values[place_of_row]
        found = 0
        for number in range(count):
            column = touched[number]
            score = sums[column]
            if shrink > 0:
                score *= supports[column] / (supports[column] + shrink)
                supports[column] = 0
            sums[column] = np.nan
            if score > 0 and column != row:
                found = _offer(best, valued, found, column, score)
        _in_order(best, valued, found)


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
