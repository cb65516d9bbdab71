"""The loops of session-based recommenders, compiled: what follows what, and like sessions.

What belongs here: the loops. What does not: the model (``recommenders.session``).
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

import ecorse.models.kernels  # noqa: F401  where compiled code is kept

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@numba.njit(cache=True, nogil=True)
def followers(
    starts: Numbers,
    items: Numbers,
    places: Numbers,
    steps: int,
    one: Numbers,
    other: Numbers,
    weights: Floats,
) -> int:
    """Write each pair of a session's items at most ``steps`` apart, with 1 / distance.

    Session ``s`` is ``items[starts[s] : starts[s + 1]]`` with ``places`` that never fall; what has
    one place is beside each other, either way. Gives how many pairs there are; where ``one`` is
    empty they are only counted.
    """
    found = 0
    for session in range(len(starts) - 1):
        for here in range(starts[session], starts[session + 1]):
            for there in range(here + 1, starts[session + 1]):
                apart = places[there] - places[here]
                if apart > steps:
                    break
                if items[here] == items[there]:
                    continue
                if len(one):
                    one[found], other[found] = items[here], items[there]
                    weights[found] = 1.0 / max(1, apart)
                found += 1
                if apart == 0:
                    if len(one):
                        one[found], other[found] = items[there], items[here]
                        weights[found] = 1.0
                    found += 1
    return found


@numba.njit(cache=True, nogil=True)
def like_sessions(
    asked: Numbers,
    closeness: Floats,
    of_item_starts: Numbers,
    of_item: Numbers,
    starts: Numbers,
    items: Numbers,
    recent: int,
    neighbours: int,
    sums: Floats,
    scores: Floats,
    holders: Numbers,
) -> int:
    """Add up, for one session, the likeness of the most alike of the latest that share an item.

    Parameters
    ----------
    asked, closeness
        The session's items, and the weight of each.
    of_item_starts, of_item
        The numbers of the sessions that hold each item, rising; a later session has a larger one.
    starts, items
        The items of each session.
    recent, neighbours
        Of so many latest sessions with a shared item, so many of the most alike; ties: the later.
    sums
        ``(n_sessions,)`` of 0 to work in, and left so.
    scores, holders
        ``(n_items,)``: for each item the likeness of the neighbours that hold it is added, and
        their number.

    Returns
    -------
    How many neighbours there are.
    """
    most = 0
    for number in range(len(asked)):
        first, last = of_item_starts[asked[number]], of_item_starts[asked[number] + 1]
        most += min(recent, last - first)
    met = np.empty(most, np.int64)
    count = 0
    # the latest of all are among the latest of each item
    for number in range(len(asked)):
        first, last = of_item_starts[asked[number]], of_item_starts[asked[number] + 1]
        for place in range(max(first, last - recent), last):
            if sums[of_item[place]] == 0.0:
                met[count] = of_item[place]
                count += 1
            sums[of_item[place]] = 1.0
    for place in range(count):
        sums[met[place]] = 0.0
    met = np.sort(met[:count])[max(0, count - recent) :]
    if not len(met):
        return 0
    oldest = met[0]
    for number in range(len(asked)):
        last = of_item_starts[asked[number] + 1]
        for place in range(last - 1, of_item_starts[asked[number]] - 1, -1):
            if of_item[place] < oldest:
                break
            sums[of_item[place]] += closeness[number]
    likeness = np.empty(len(met))
    for place in range(len(met)):
        likeness[place] = sums[met[place]]
        sums[met[place]] = 0.0
    # the later first, so that a stable sort leaves them first of those equally alike
    order = np.argsort(-likeness[::-1], kind="mergesort")[:neighbours]
    for place in order:
        number = len(met) - 1 - place
        for here in range(starts[met[number]], starts[met[number] + 1]):
            scores[items[here]] += likeness[number]
            holders[items[here]] += 1
    return len(order)
