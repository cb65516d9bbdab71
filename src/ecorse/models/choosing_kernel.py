"""Choosing the places of a list out of more candidates, compiled by numba.

What belongs here: these loops over lists; see ``kernels`` for what every kernel keeps to. What does
not: which candidates there are, what is done with the lists (``recommenders.choosing``).
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

import ecorse.models.kernels  # noqa: F401  (where numba keeps what it compiled)

NOTHING = -1


@numba.njit(cache=True, nogil=True)
def keep_within(
    items: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    rooms: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
) -> None:
    """Write into ``places`` ``(n, p)`` the first of each list that have room; -1 behind the last.

    ``items`` ``(n, w)`` come by falling value, -1 behind the last. ``groups`` ``(n_items,)`` is
    each item's group, -1 for none; ``rooms`` ``(n, n_groups)`` how many of it may still come, and
    is counted down.
    """
    n, width = items.shape
    most = places.shape[1]
    for row in range(n):
        found = 0
        for place in range(width):
            item = items[row, place]
            if item == NOTHING or found == most:
                break
            group = groups[item]
            if group >= 0:
                if rooms[row, group] <= 0:
                    continue
                rooms[row, group] -= 1
            places[row, found] = place
            found += 1
        places[row, found:] = NOTHING


@numba.njit(cache=True, nogil=True)
def choose_varied(
    items: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    indptr: npt.NDArray[np.integer],
    indices: npt.NDArray[np.integer],
    data: npt.NDArray[np.floating],
    relevance: float,
    places: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float64],
) -> None:
    """Write into ``places`` and ``scores`` ``(n, k)`` the lists by maximal marginal relevance.

    ``items`` and ``values`` ``(n, p)`` are candidates, -1 behind the last; values are at most 1.
    The csr matrix has a row of length 1 (or empty) per item. Each next one has the largest
    ``relevance * value + (1 - relevance) * (1 - c)``, ``c`` its largest cosine to those chosen
    before, at least 0; ties by item number. -1 and 0 behind the last.
    """
    n, width = items.shape
    k = places.shape[1]
    n_words = 1
    for place in range(len(indices)):
        n_words = max(n_words, indices[place] + 1)
    marks = np.zeros(n_words)
    nearest = np.empty(width)
    is_open = np.empty(width, dtype=np.bool_)
    for row in range(n):
        for place in range(width):
            nearest[place] = 0.0
            is_open[place] = items[row, place] != NOTHING
        for rank in range(k):
            best, reached = NOTHING, -1.0
            for place in range(width):
                if not is_open[place]:
                    continue
                value = relevance * values[row, place] + (1 - relevance) * (1 - nearest[place])
                if value > reached or (value == reached and items[row, place] < items[row, best]):
                    best, reached = place, value
            if best == NOTHING:
                places[row, rank:] = NOTHING
                scores[row, rank:] = 0.0
                break
            places[row, rank], scores[row, rank] = best, reached
            is_open[best] = False
            chosen = items[row, best]
            for one in range(indptr[chosen], indptr[chosen + 1]):
                marks[indices[one]] = data[one]
            for place in range(width):
                if not is_open[place]:
                    continue
                cosine = 0.0
                for one in range(indptr[items[row, place]], indptr[items[row, place] + 1]):
                    cosine += marks[indices[one]] * np.float64(data[one])
                nearest[place] = max(nearest[place], min(cosine, 1.0))
            for one in range(indptr[chosen], indptr[chosen + 1]):
                marks[indices[one]] = 0.0


@numba.njit(cache=True, nogil=True)
def fill_up(
    order: npt.NDArray[np.int64],
    taken_indptr: npt.NDArray[np.integer],
    taken_indices: npt.NDArray[np.integer],
    groups: npt.NDArray[np.int64],
    rooms: npt.NDArray[np.int64],
    n_items: int,
    items: npt.NDArray[np.int64],
) -> None:
    """Write behind the last of each list ``items`` ``(n, k)`` the first of ``order`` that fit.

    What is in the list, or in the row of ``taken`` (csr), is left out, and what has no room
    (``keep_within``).
    """
    n, k = items.shape
    is_taken = np.zeros(n_items, dtype=np.bool_)
    for row in range(n):
        for place in range(taken_indptr[row], taken_indptr[row + 1]):
            is_taken[taken_indices[place]] = True
        found = 0
        while found < k and items[row, found] != NOTHING:
            is_taken[items[row, found]] = True
            found += 1
        own = found
        for place in range(len(order)):
            if found == k:
                break
            item = order[place]
            if is_taken[item]:
                continue
            group = groups[item]
            if group >= 0:
                if rooms[row, group] <= 0:
                    continue
                rooms[row, group] -= 1
            items[row, found] = item
            found += 1
        for place in range(own):
            is_taken[items[row, place]] = False
        for place in range(taken_indptr[row], taken_indptr[row + 1]):
            is_taken[taken_indices[place]] = False
