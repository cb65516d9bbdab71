"""How far clusters lie apart for their width: sums of squares between and within.

What belongs here: the figure. What does not: what follows from it (``selection``).
"""

from __future__ import annotations

import numpy as np

from ecorse.features.blocks import PART_ROWS, Floats, Labels

NO_WIDTH = 1e-18  # of the variance between: what rounding leaves of rows that are all alike


def calinski_harabasz(z: Floats, labels: Labels) -> float | None:
    """Variance between clusters by variance within; noise (-1) is left out.

    ``None`` with fewer than 2 clusters, as many as rows, or none that has any width.

    Source: Calinski & Harabasz, A dendrite method for cluster analysis, Comm. Statist. 3 (1974).
    """
    known = labels >= 0
    if not known.all():
        z, labels = z[known], labels[known]
    members = np.bincount(labels) if len(labels) else np.zeros(0)
    k, n = int((members > 0).sum()), len(labels)
    if not 2 <= k < n:
        return None
    sums = np.column_stack([np.bincount(labels, column) for column in z.T])
    means = sums / np.maximum(members, 1)[:, None]
    apart = means - z.mean(axis=0)
    between = float(members @ np.einsum("ij,ij->i", apart, apart))
    within = 0.0
    for start in range(0, n, PART_ROWS):
        part = slice(start, start + PART_ROWS)
        away = z[part] - means[labels[part]]
        within += float(np.einsum("ij,ij->", away, away))
    if within <= NO_WIDTH * between:
        return None
    return (between / (k - 1)) / (within / (n - k))
