"""One round of BPR's stochastic gradient steps, compiled.

What belongs here: the loop. What does not: the model (``recommenders.bpr``).
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

import ecorse.models.kernels  # noqa: F401  where compiled code is kept


@numba.njit(cache=True, nogil=True)
def one_round(
    users: npt.NDArray[np.integer],
    indptr: npt.NDArray[np.integer],
    indices: npt.NDArray[np.integer],
    picks: npt.NDArray[np.int64],
    others: npt.NDArray[np.int64],
    of_user: npt.NDArray[np.float32],
    of_item: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    rate: float,
    penalty: float,
) -> int:
    """Step once per pick, in turn: a stored pair should score above a pair that is not stored.

    ``users`` is the row of each stored pair; ``picks`` are places among them, ``others`` item
    numbers: where the customer has that item, the step is left out. Factors ``(n, rank)`` and
    biases ``(n_items,)`` are moved in place. Gives how many steps were taken.
    """
    rank = of_user.shape[1]
    taken = 0
    for number in range(len(picks)):
        place, other = picks[number], others[number]
        user, item = users[place], indices[place]
        first, last = indptr[user], indptr[user + 1]
        found = first + np.searchsorted(indices[first:last], other)
        if found < last and indices[found] == other:
            continue
        taken += 1
        gap = bias[item] - bias[other]
        for a in range(rank):
            gap += of_user[user, a] * (of_item[item, a] - of_item[other, a])
        pull = np.float32(1.0 / (1.0 + np.exp(gap)))
        for a in range(rank):
            x, y, z = of_user[user, a], of_item[item, a], of_item[other, a]
            of_user[user, a] = x + rate * (pull * (y - z) - penalty * x)
            of_item[item, a] = y + rate * (pull * x - penalty * y)
            of_item[other, a] = z + rate * (-pull * x - penalty * z)
        bias[item] += rate * (pull - penalty * bias[item])
        bias[other] += rate * (-pull - penalty * bias[other])
    return taken
