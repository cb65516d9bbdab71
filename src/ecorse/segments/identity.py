"""Which segment of tonight is which of yesterday: ids that survive a retrain.

What belongs here: matching clusters by the rows they share. What does not: names (``meaning``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecorse.features.blocks import Floats, Labels

LEAST_KEPT = 0.25
"""A segment goes on in a cluster that holds at least so much of it."""


def match_segments(
    labels: Labels,
    members: Labels,
    champion_labels: Labels,
    champion_ids: Sequence[int],
    next_id: int,
) -> tuple[list[int], int]:
    """Give each cluster the id of the champion's segment it shares most rows with.

    The assignment with the largest total overlap; a cluster without a partner, or that holds less
    than a quarter of it, gets a new id. Ids are never used twice. A cluster and a segment that
    nobody is in go on together: nothing happened to them.

    Parameters
    ----------
    labels, champion_labels : cluster, and number in ``champion_ids``, of the same rows ``(n,)``:
        of those who were there on both nights, or whoever is new would decide who is who.
    members : how many are in each cluster tonight, ``(k,)``, the new ones too.

    Returns
    -------
    list of int
        Segment id of each cluster.
    int
        The next free id.

    Source: Kuhn, The Hungarian method, Naval Research Logistics Quarterly 2 (1955).
    """
    k, size = len(members), len(champion_ids)
    overlap = np.zeros((k, size), dtype=np.int64)
    overlap += np.bincount(labels * size + champion_labels, minlength=k * size).reshape(k, size)
    there = overlap.sum(axis=0)
    ids = [0] * k
    for cluster, old in _partners(overlap):
        if overlap[cluster, old] and overlap[cluster, old] >= LEAST_KEPT * there[old]:
            ids[cluster] = champion_ids[old]
    empty = [i for i, n in zip(champion_ids, there.tolist(), strict=True) if not n]
    for cluster in range(k):
        if not ids[cluster] and empty and not members[cluster]:
            ids[cluster] = empty.pop(0)
        elif not ids[cluster]:
            ids[cluster], next_id = next_id, next_id + 1
    return ids, next_id


def _partners(overlap: Labels) -> list[tuple[int, int]]:
    """Rows and columns of the assignment with the largest total.

    Where every row has one best column, and no two the same, nothing can be better: a quiet night
    needs no solver, which takes longer to import than the night's other sums.
    """
    best = overlap.max(axis=1, initial=0)
    is_best = overlap == best[:, None]
    if (is_best.sum(axis=1) == 1).all() and (is_best.sum(axis=0) <= 1).all():
        return list(enumerate(is_best.argmax(axis=1).tolist()))
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(overlap, maximize=True)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def first_order(labels: Labels, centroids: Floats) -> list[int]:
    """Order of clusters on a first night: largest first, equal ones by their centroid."""
    members = np.bincount(labels, minlength=len(centroids))
    return sorted(range(len(centroids)), key=lambda c: (-int(members[c]), tuple(centroids[c])))
