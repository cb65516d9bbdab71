"""Where k-means starts: seeded k-means++ draws, of which the best goes on.

What belongs here: drawing starts, moving each until it hardly moves, which is best. What does not:
moving centroids to their very end (``lloyd``), and how many there are (``selection``).
"""

from __future__ import annotations

import numpy as np

from ecorse.features.blocks import Floats
from ecorse.segments.lloyd import Settling

ROUGH = 1e-4
"""How little centroids move, as a part of the variance, when a start is told from the others."""


def best_start(z: Floats, k: int, seed: int, restarts: int) -> Floats:
    """Centroids ``(k, c)`` of the best of ``restarts`` starts, each moved until it hardly moves.

    So far every k is compared with the others; only the chosen one is moved to its very end.
    """
    mean = z.mean(axis=0)
    rows = (z - mean).astype(np.float32)
    squares = np.einsum("ij,ij->i", rows, rows)
    tolerance = ROUGH * float(rows.var(axis=0).mean())
    draws = np.random.RandomState(seed)
    settled = [
        Settling(rows, spread_out(rows, squares, k, draws)).run(tolerance) for _ in range(restarts)
    ]
    best = min(settled, key=lambda one: (int((one.members == 0).sum()), -one.explained()))
    found: Floats = best.centroids.astype(np.float64) + mean
    return found


def spread_out(rows: Floats, squares: Floats, k: int, draws: np.random.RandomState) -> Floats:
    """k rows, far from each other: each is drawn by its squared distance to those before.

    Of some candidates the one that leaves the least distance is taken. ``squares`` ``(n,)`` are the
    squared lengths of ``rows``.

    Source: Arthur & Vassilvitskii, k-means++: the advantages of careful seeding, SODA (2007).
    """
    n, trials = len(rows), 2 + int(np.log(k))
    chosen = [min(int(draws.random_sample() * n), n - 1)]
    closest = _squared(rows, squares, chosen)[0]
    for _ in range(1, k):
        reach = np.cumsum(closest, dtype=np.float64)
        drawn = np.searchsorted(reach, draws.uniform(size=trials) * reach[-1])
        candidates = np.minimum(drawn, n - 1)
        left = np.minimum(_squared(rows, squares, candidates), closest)
        best = int(left.sum(axis=1, dtype=np.float64).argmin())
        closest = left[best]
        chosen.append(int(candidates[best]))
    return rows[chosen]


def _squared(rows: Floats, squares: Floats, numbers: list[int] | Floats) -> Floats:
    """Squared distances of some rows to all, ``(m, n)``."""
    distances: Floats = (-2.0 * rows[numbers]) @ rows.T
    distances += squares
    distances += squares[numbers][:, None]
    return np.maximum(distances, 0.0, out=distances)
