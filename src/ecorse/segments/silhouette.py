"""How well rows lie in their clusters: the mean silhouette, of a seeded sample.

What belongs here: the figure. What does not: what follows from it (``selection``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecorse.features.blocks import Floats, Labels

BLOCK_ROWS = 512  # rows whose distances are held at once


def sample_rows(n: int, size: int, seed: int) -> Labels:
    """Sorted indices of a seeded sample of ``size`` of ``n`` rows (all when fewer)."""
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def silhouette(z: Floats, labels: Labels, size: int, seed: int) -> float | None:
    """Mean silhouette on a seeded sample; ``None`` with fewer than 2 labels or as many as rows."""
    rows = sample_rows(len(z), size, seed)
    return silhouettes(z[rows], [labels[rows]])[0]


def silhouettes(z: Floats, labelings: Sequence[Labels]) -> list[float | None]:
    """Mean silhouette of each labeling of the same rows; distances are computed once for all.

    A row's mean distance to a cluster is a product of its distances with the cluster's members,
    block by block, so that the square of the rows is never held.

    Source: Rousseeuw, Silhouettes, J. Comput. Appl. Math. 20 (1987).
    """
    n = len(z)
    members = [np.equal.outer(labels, np.unique(labels)).astype(np.float64) for labels in labelings]
    sizes = [member.sum(axis=0) for member in members]
    everyone = np.hstack(members)
    ends = np.cumsum([member.shape[1] for member in members])
    totals, squares = np.zeros(len(members)), np.einsum("ij,ij->i", z, z)
    for start in range(0, n, BLOCK_ROWS):
        block = slice(start, min(start + BLOCK_ROWS, n))
        distances = _distances(z[block], z, squares)
        distances[np.arange(block.stop - start), np.arange(start, block.stop)] = 0.0
        sums = np.split(distances @ everyone, ends[:-1], axis=1)
        for number, (member, size) in enumerate(zip(members, sizes, strict=True)):
            totals[number] += _silhouette_sum(sums[number], member[block], size)
    return [
        float(total / n) if 2 <= len(size) < n else None
        for total, size in zip(totals, sizes, strict=True)
    ]


def _distances(rows: Floats, z: Floats, squares: Floats) -> Floats:
    """Distances of ``rows`` to each of ``z``, whose squared lengths are given."""
    distances = (-2.0 * rows) @ z.T
    distances += squares
    distances += np.einsum("ij,ij->i", rows, rows)[:, None]
    np.maximum(distances, 0.0, out=distances)
    return np.sqrt(distances, out=distances)


def _silhouette_sum(sums: Floats, member: Floats, sizes: Floats) -> float:
    """Sum of the silhouettes of a block's rows; a row alone in its cluster has 0.

    Parameters
    ----------
    sums : ``(b, k)`` summed distances of each row to each cluster.
    member : ``(b, k)`` 1 in the row's own cluster.
    """
    if len(sizes) < 2:
        return 0.0
    own = member @ sizes
    inside = (sums * member).sum(axis=1) / np.maximum(own - 1, 1)
    outside = np.where(member > 0, np.inf, sums / sizes).min(axis=1)
    widest = np.maximum(inside, outside)
    values = np.divide(outside - inside, widest, out=np.zeros_like(inside), where=widest > 0)
    return float(values[own > 1].sum())
