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


ROOM = 4  # candidates are collected for so many times k before the best k are parted from the rest


@numba.njit(inline="always")
def _is_ahead(score: float, item: int, other_score: float, other_item: int) -> bool:
    """Whether an item comes before another: a larger score, or equal ones and a smaller number."""
    return score > other_score or (score == other_score and item < other_item)


@numba.njit(nogil=True)
def _part(
    items: npt.NDArray[np.int64], values: npt.NDArray[np.float64], size: int, k: int
) -> float:
    """Bring the best ``k`` of the first ``size`` to the front, in any order; gives the least score.

    Source: Hoare, Algorithm 65: Find, CACM 4 (1961), https://doi.org/10.1145/366622.366647
    """
    low, high = 0, size - 1
    while low < high:
        score, item = values[(low + high) // 2], items[(low + high) // 2]
        left, right = low, high
        while left <= right:
            while _is_ahead(values[left], items[left], score, item):
                left += 1
            while _is_ahead(score, item, values[right], items[right]):
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                items[left], items[right] = items[right], items[left]
                left += 1
                right -= 1
        if k - 1 <= right:
            high = right
        elif k - 1 >= left:
            low = left
        else:
            break
    least: float = values[0]
    for place in range(1, k):
        least = min(least, values[place])
    return float(least)


@numba.njit(nogil=True)
def _sort(items: npt.NDArray[np.int64], values: npt.NDArray[np.float64], size: int) -> None:
    """Bring the first ``size`` in order, the best first: shells of falling width, then one by one.

    Source: Ciura, Best increments for the average case of Shellsort, FCT 2001,
    https://doi.org/10.1007/3-540-44669-9_12
    """
    for width in (301, 132, 57, 23, 10, 4, 1):
        for place in range(width, size):
            score, item = values[place], items[place]
            before = place - width
            while before >= 0 and _is_ahead(score, item, values[before], items[before]):
                values[before + width], items[before + width] = values[before], items[before]
                before -= width
            values[before + width], items[before + width] = score, item


@numba.njit(nogil=True)
def _keep(
    some: npt.NDArray[np.int64],
    valued: npt.NDArray[np.float64],
    size: int,
    least: float,
    k: int,
    item: int,
    score: float,
) -> tuple[int, float]:
    """Put one more candidate behind the first ``size``; where there is no room for the next, only
    the best ``k`` stay. Gives how many there are, and the least score that can come among them."""
    some[size], valued[size] = item, score
    size += 1
    if size < len(some):
        return size, least
    return k, _part(some, valued, size, k)


@numba.njit(nogil=True)
def _write(
    some: npt.NDArray[np.int64],
    valued: npt.NDArray[np.float64],
    size: int,
    is_sorted: bool,
    items: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
) -> None:
    """Write the best of the first ``size`` candidates; -1 and 0 behind the last.

    In order, if ``is_sorted``; in any otherwise.
    """
    k = len(items)
    if size > k:
        _part(some, valued, size, k)
        size = k
    if is_sorted:
        _sort(some, valued, size)
    items[:size], values[:size] = some[:size], valued[:size]
    items[size:], values[size:] = NOTHING, 0.0


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
    if k == 0:
        return
    some, valued = np.empty(ROOM * k, np.int64), np.empty(ROOM * k)
    for row in range(n):
        for place in range(indptr[row], indptr[row + 1]):
            scores[row, indices[place]] = 0.0
        found, least = 0, 0.0
        for item in range(n_items):
            score = scores[row, item]
            # items come by number: one equal to the least is behind those that are there
            if not score > least or not is_allowed[item]:
                continue
            found, least = _keep(some, valued, found, least, k, item, score)
        _write(some, valued, found, True, items[row], values[row])


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
    ``(rows, k)``, in any order, of equal ones the smaller number; -1 and 0 behind the last. Each
    entry is times ``n / (n + shrink)`` for the ``n`` terms of its sum. ``sums`` (all nan),
    ``supports`` (all 0; not used without ``shrink``) and ``touched`` (one longer) are
    ``(n_columns,)`` of room to work in, and are left as they were. ``k`` is at least 1.
    """
    k = items.shape[1]
    some, valued = np.empty(ROOM * k, np.int64), np.empty(ROOM * k)
    for place_of_row in range(items.shape[0]):
        row = start + place_of_row
        count = 0
        for one in range(left_indptr[row], left_indptr[row + 1]):
            middle, weight = left_indices[one], np.float64(left_data[one])
            for other in range(right_indptr[middle], right_indptr[middle + 1]):
                column = right_indices[other]
                before = sums[column]
                # no branch: whether a column is new is not to be foretold
                touched[count] = column
                count += np.isnan(before)
                sums[column] = (0.0 if np.isnan(before) else before) + weight * right_data[other]
        if shrink > 0:
            for one in range(left_indptr[row], left_indptr[row + 1]):
                middle = left_indices[one]
                for other in range(right_indptr[middle], right_indptr[middle + 1]):
                    supports[right_indices[other]] += 1
        found, least = 0, 0.0
        for number in range(count):
            column = touched[number]
            score = sums[column]
            if shrink > 0:
                score *= supports[column] / (supports[column] + shrink)
                supports[column] = 0
            sums[column] = np.nan
            if score > 0 and score >= least and column != row:
                found, least = _keep(some, valued, found, least, k, column, score)
        _write(some, valued, found, False, items[place_of_row], values[place_of_row])


@numba.njit(cache=True, nogil=True)
def most_shared_of_rows(
    left_indptr: npt.NDArray[np.integer],
    left_indices: npt.NDArray[np.integer],
    right_indptr: npt.NDArray[np.integer],
    right_indices: npt.NDArray[np.integer],
    start: int,
    scale: npt.NDArray[np.float64],
    shrink: float,
    counts: npt.NDArray[np.int32],
    touched: npt.NDArray[np.int32],
    items: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
) -> None:
    """``nearest_of_rows`` of matrices of ones, each entry times the ``scale`` of row and column.

    An entry is a count: no sum of numbers, half of the memory. ``scale`` and ``counts`` (all 0) are
    ``(n_columns,)``, ``touched`` is one longer.
    """
    k = items.shape[1]
    some, valued = np.empty(ROOM * k, np.int64), np.empty(ROOM * k)
    for place_of_row in range(items.shape[0]):
        row = start + place_of_row
        size = 0
        for one in range(left_indptr[row], left_indptr[row + 1]):
            middle = left_indices[one]
            for other in range(right_indptr[middle], right_indptr[middle + 1]):
                column = right_indices[other]
                before = counts[column]
                # no branch: whether a column is new is not to be foretold
                touched[size] = column
                size += before == 0
                counts[column] = before + 1
        found, least = 0, 0.0
        for number in range(size):
            column = touched[number]
            score = counts[column] * scale[column] * scale[row]
            if shrink > 0:
                score *= counts[column] / (counts[column] + shrink)
            counts[column] = 0
            if score > 0 and score >= least and column != row:
                found, least = _keep(some, valued, found, least, k, column, score)
        _write(some, valued, found, False, items[place_of_row], values[place_of_row])


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


@numba.njit(cache=True, nogil=True)
def first_not_stored(
    order: npt.NDArray[np.int64],
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
) -> None:
    """Write into each row of ``places`` ``(n, k)`` the first places of ``order`` whose item the row
    does not store; ``NOTHING`` behind them.

    ``indices`` are sorted within each row.
    """
    n, k = places.shape
    for row in range(n):
        found = 0
        for place in range(len(order)):
            if found == k:
                break
            low, high = indptr[row], indptr[row + 1]
            while low < high:
                middle = (low + high) // 2
                if indices[middle] < order[place]:
                    low = middle + 1
                else:
                    high = middle
            if low == indptr[row + 1] or indices[low] != order[place]:
                places[row, found] = place
                found += 1
        for behind in range(found, k):
            places[row, behind] = NOTHING
