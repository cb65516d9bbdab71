"""How well density clusters are parted, of any shape: density-based validation.

What belongs here: the figure, on few rows. What does not: what follows from it (``by_density``).
"""

from __future__ import annotations

import numpy as np

from ecorse.features.blocks import Floats, Labels

LONGER = 1.0


def density_validity(z: Floats, labels: Labels) -> float | None:
    """DBCV of rows ``z`` ``(n, c)``: -1 to 1; noise (-1) counts as badly parted.

    A silhouette prefers balls; this compares how thin a cluster is at its thinnest with how near
    another comes. ``None`` with fewer than 2 clusters of 2 rows or more.

    Source: Moulavi, Jaskowiak, Campello, Zimek & Sander, Density-based clustering validation, SDM
    (2014). The distance of identical rows is 0, and so is then their core distance.
    """
    members = [np.flatnonzero(labels == label) for label in np.unique(labels[labels >= 0])]
    members = [rows for rows in members if len(rows) > 1]
    if len(members) < 2:
        return None
    core = [_core_distances(z[rows]) for rows in members]
    thinnest, inner = zip(
        *(_thinnest(z[rows], own) for rows, own in zip(members, core, strict=True)), strict=True
    )
    inside = [rows[numbers] for rows, numbers in zip(members, inner, strict=True)]
    of_inside = [own[numbers] for own, numbers in zip(core, inner, strict=True)]
    total = 0.0
    for i, rows in enumerate(members):
        nearest = min(
            float(_reach(z[inside[i]], of_inside[i], z[inside[j]], of_inside[j]).min())
            for j in range(len(members))
            if j != i
        )
        widest = max(nearest, thinnest[i])
        total += len(rows) * ((nearest - thinnest[i]) / widest if widest > 0 else 0.0)
    return total / len(labels)


def _distances(a: Floats, b: Floats) -> Floats:
    from scipy.spatial.distance import cdist

    distances: Floats = cdist(a, b)
    return distances


def _core_distances(rows: Floats) -> Floats:
    """All-points core distance of each row within its cluster."""
    away = _distances(rows, rows)
    np.fill_diagonal(away, np.inf)
    with np.errstate(divide="ignore"):
        logs = -rows.shape[1] * np.log(away)  # of (1 / d) ** c, which alone would overflow
    highest = logs.max(axis=1)
    is_same = ~np.isfinite(highest)
    base = np.where(is_same, 0.0, highest)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = base + np.log(np.exp(logs - base[:, None]).sum(axis=1) / (len(rows) - 1))
    return np.where(is_same, 0.0, np.exp(-mean / rows.shape[1]))


def _reach(a: Floats, a_core: Floats, b: Floats, b_core: Floats) -> Floats:
    """Mutual reachability: at least the distance and the core distance of either."""
    return np.maximum(np.maximum(_distances(a, b), a_core[:, None]), b_core[None, :])


def _thinnest(rows: Floats, core: Floats) -> tuple[float, Labels]:
    """The longest inner edge of the cluster's spanning tree, and its inner rows.

    Inner rows have two edges or more; a tree without an edge between such takes its longest edge.
    """
    from scipy.sparse.csgraph import minimum_spanning_tree

    reach = _reach(rows, core, rows, core)
    np.fill_diagonal(reach, 0.0)
    # a length of 0 would be no edge at all; the tree is the same if each is longer by as much
    tree = minimum_spanning_tree(reach + LONGER).tocoo()
    edges = np.bincount(tree.row, minlength=len(rows)) + np.bincount(tree.col, minlength=len(rows))
    is_inner = edges > 1
    between = is_inner[tree.row] & is_inner[tree.col]
    lengths = (tree.data[between] if between.any() else tree.data) - LONGER
    inner = np.flatnonzero(is_inner) if is_inner.any() else np.arange(len(rows))
    return float(lengths.max()), inner
