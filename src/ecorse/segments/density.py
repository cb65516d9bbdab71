"""Density of rows by their nearest neighbours, and DBSCAN's clusters, within bounded memory.

What belongs here: neighbours, k-distances, their knee, core rows and how they are linked. What
does not: which eps and min_samples are taken (``dbscan``).

scikit-learn's DBSCAN holds every pair of neighbours: 200,000 rows with 5,000 each are 8 GB. Here
each row's nearest few are held, and what lies beyond them is asked only where clusters may touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ecorse.features.blocks import PART_ROWS, Floats, Labels
from ecorse.segments.anchors import Anchors

Flags = npt.NDArray[np.bool_]
SAME_TO = 9  # decimals to which rows are told apart


@dataclass(frozen=True)
class Neighbours:
    """Distinct rows and the nearest of each, itself first.

    Attributes
    ----------
    rows : ``(u, c)`` distinct rows.
    weights : ``(u,)`` how many rows are alike.
    row_of : ``(n,)`` the distinct row of each row.
    away, near : ``(u, m)`` distances, ascending, and the distinct rows there.
    """

    rows: Floats
    weights: Labels
    row_of: Labels
    away: Floats
    near: npt.NDArray[np.int32]


def find_neighbours(z: Floats, most: int) -> Neighbours:
    """The ``most`` nearest distinct rows of each distinct row of ``z`` ``(n, c)``."""
    from scipy.spatial import cKDTree

    rows, row_of, weights = np.unique(
        np.round(z, SAME_TO) + 0.0, axis=0, return_inverse=True, return_counts=True
    )
    most = min(most, len(rows))
    away, near = np.empty((len(rows), most)), np.empty((len(rows), most), dtype=np.int32)
    tree = cKDTree(rows)
    for start in range(0, len(rows), PART_ROWS):
        part = slice(start, start + PART_ROWS)
        away[part], near[part] = tree.query(rows[part], k=range(1, most + 1), workers=-1)
    return Neighbours(rows, weights, row_of.ravel(), away, near)


def k_distances(found: Neighbours, min_samples: int) -> Floats:
    """Radius within which each distinct row has ``min_samples`` rows, itself among them: ``(u,)``.

    Infinite where all rows together are fewer.

    Source: Ester, Kriegel, Sander & Xu, A density-based algorithm for discovering clusters, KDD
    (1996), section 4.2.
    """
    radius = np.full(len(found.rows), np.inf)
    for start in range(0, len(radius), PART_ROWS):
        part = slice(start, start + PART_ROWS)
        enough = np.cumsum(found.weights[found.near[part]], axis=1) >= min_samples
        first = enough.argmax(axis=1)
        at = found.away[part][np.arange(len(first)), first]
        radius[part] = np.where(enough.any(axis=1), at, np.inf)
    return radius


def find_knee(curve: Floats) -> float:
    """The value where a rising curve turns up: farthest below the line from its first to its last.

    Source: Satopaa et al., Finding a "kneedle" in a haystack, ICDCS workshops (2011), without
    smoothing.
    """
    if curve[-1] <= curve[0]:
        return float(curve[-1])
    along = np.linspace(0.0, 1.0, len(curve))
    below_line = along - (curve - curve[0]) / (curve[-1] - curve[0])
    return float(curve[int(np.argmax(below_line))])


def dbscan(found: Neighbours, radius: Floats, eps: float) -> tuple[Flags, Labels]:
    """Core rows, and the cluster of each distinct row; -1 is noise.

    ``radius`` are the k-distances of min_samples. A row that is no core is in the cluster of the
    nearest core within ``eps``: in which of two it was would else depend on the order of rows.

    Returns
    -------
    is_core : ``(u,)``.
    labels : ``(u,)``, clusters numbered by their first row.

    Source: Ester et al. (1996); border rows as in Campello, Moulavi & Sander, PAKDD (2013), but
    kept.
    """
    is_core = radius <= eps
    labels = np.where(is_core, _linked(found, is_core, eps), -1)
    for start in range(0, len(labels), PART_ROWS):
        part = np.arange(start, min(start + PART_ROWS, len(labels)))
        part = part[~is_core[part]]
        near = found.near[part]
        reaches = is_core[near] & (found.away[part] <= eps)
        first = near[np.arange(len(part)), reaches.argmax(axis=1)]
        labels[part] = np.where(reaches.any(axis=1), labels[first], -1)
    return is_core, labels


def _linked(found: Neighbours, is_core: Flags, eps: float) -> Labels:
    """The connected part of each core row, numbered from 0; others have any number."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    u, most = found.away.shape
    parts = np.arange(u)
    for start in range(0, u, PART_ROWS):
        part = np.arange(start, min(start + PART_ROWS, u))
        linked = is_core[part, None] & is_core[found.near[part]] & (found.away[part] <= eps)
        at, place = np.nonzero(linked)
        one, other = parts[part[at]], parts[found.near[part[at], place]]
        graph = coo_matrix((np.ones(len(one), dtype=np.int8), (one, other)), shape=(u, u))
        parts = connected_components(graph, directed=False)[1][parts]
    is_open = is_core & (found.away[:, -1] <= eps) & (most < u)
    parts = _join_open(found.rows, parts, np.flatnonzero(is_open), eps)
    _, numbers = np.unique(parts[is_core], return_inverse=True)
    first = np.full(numbers.max(initial=-1) + 1, u)
    np.minimum.at(first, numbers, np.flatnonzero(is_core))
    rank = np.empty_like(first)
    rank[np.argsort(first)] = np.arange(len(first))
    labels = np.zeros(u, dtype=np.int64)
    labels[is_core] = rank[numbers]
    return labels


def _join_open(rows: Floats, parts: Labels, left: Labels, eps: float) -> Labels:
    """Join parts whose rows are within ``eps`` though none is among the nearest of the other.

    Only ``left`` can be: cores whose nearest few are all within ``eps``. From the largest part on,
    what touches it is taken in, until nothing does.
    """
    from scipy.spatial import cKDTree

    parts = parts.copy()
    while left.size:
        held, sizes = np.unique(parts[left], return_counts=True)
        if len(held) < 2:
            break
        part = held[np.argmax(sizes)]
        is_in = parts[left] == part
        front, left = left[is_in], left[~is_in]
        while front.size and left.size:
            away, _ = cKDTree(rows[front]).query(
                rows[left], distance_upper_bound=np.nextafter(eps, np.inf), workers=-1
            )
            touched = np.isin(parts[left], parts[left[away <= eps]])
            front, left = left[touched], left[~touched]
            parts[np.isin(parts, parts[front])] = part
    return parts


def core_anchors(found: Neighbours, is_core: Flags, labels: Labels, eps: float) -> Anchors:
    """Core rows as anchors that reach ``eps``."""
    numbers = np.flatnonzero(is_core & (labels >= 0))
    return Anchors(found.rows[numbers], labels[numbers], np.full(len(numbers), eps))
