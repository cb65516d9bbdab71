"""One round of stochastic gradient steps of a biased matrix factorisation, compiled.

What belongs here: the loop. What does not: the model (``recommenders.biased_svd``).
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

import ecorse.models.kernels  # noqa: F401  where compiled code is kept

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@numba.njit(cache=True, nogil=True)
def one_round(
    order: Numbers,
    users: Numbers,
    items: Numbers,
    ratings: Floats,
    mean: float,
    of_user: Floats,
    of_item: Floats,
    user_bias: Floats,
    item_bias: Floats,
    rate: float,
    penalty: float,
    bias_penalty: float,
) -> float:
    """Step once per rating in ``order`` towards its residual; gives the sum of squared residuals.

    Factors ``(n, rank)`` and biases ``(n,)`` are moved in place.
    """
    rank = of_user.shape[1]
    squares = 0.0
    for place in order:
        user, item = users[place], items[place]
        rest = ratings[place] - mean - user_bias[user] - item_bias[item]
        for a in range(rank):
            rest -= of_user[user, a] * of_item[item, a]
        squares += rest * rest
        user_bias[user] += rate * (rest - bias_penalty * user_bias[user])
        item_bias[item] += rate * (rest - bias_penalty * item_bias[item])
        for a in range(rank):
            x, y = of_user[user, a], of_item[item, a]
            of_user[user, a] += rate * (rest * y - penalty * x)
            of_item[item, a] += rate * (rest * x - penalty * y)
    return squares
