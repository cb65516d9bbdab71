"""Points that give their label to what comes near: how density and tree clusterings label anyone.

What belongs here: assignment by the nearest anchor within its reach. What does not: where anchors
come from (``dbscan``, ``hdbscan``, ``hierarchical``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ecorse.features.blocks import PART_ROWS, Floats, Labels

TOUCH = 1e-8  # rows are told apart to 9 decimals: a distance below this is none


@dataclass(frozen=True)
class Anchors:
    """Points on the axes, the label of each, and how far it reaches.

    Attributes
    ----------
    points : ``(m, c)``.
    labels : ``(m,)`` from 0; -1: what is nearest to it is noise.
    reach : ``(m,)`` distance up to which a row gets the label; infinite: any.
    """

    points: Floats
    labels: Labels
    reach: Floats

    @property
    def k(self) -> int:
        """How many labels there are, noise not among them."""
        return int(self.labels.max(initial=-1)) + 1

    def labels_of(self, z: Floats) -> Labels:
        """The label of the nearest anchor of each row of ``z`` ``(n, c)``; -1 beyond its reach."""
        from scipy.spatial import cKDTree

        labels = np.full(len(z), -1, dtype=np.int64)
        if not len(self.points):
            return labels
        tree = cKDTree(self.points)
        farthest = float(self.reach.max()) + 2 * TOUCH
        given = np.append(self.labels, -1)  # what is beyond the farthest reach has number m
        reach = np.append(self.reach, 0.0) + TOUCH
        for start in range(0, len(z), PART_ROWS):
            away, number = tree.query(
                z[start : start + PART_ROWS], distance_upper_bound=farthest, workers=-1
            )
            labels[start : start + PART_ROWS] = np.where(away <= reach[number], given[number], -1)
        return labels

    def largest_first(self, members: Labels) -> Anchors:
        """The same where label 0 has most rows; ``members`` ``(n,)`` are labels that it gave.

        Of equals the one whose first anchor is first stays first.
        """
        counts = np.bincount(members[members >= 0], minlength=self.k)
        place = np.append(np.empty(self.k, dtype=np.int64), -1)
        place[np.argsort(-counts, kind="stable")] = np.arange(self.k)
        return replace(self, labels=place[self.labels])


NONE_OF = np.zeros(0, dtype=np.int64)


def no_anchors(width: int) -> Anchors:
    """Of a space in which nothing is near anything: everyone is noise."""
    return Anchors(np.zeros((0, width)), NONE_OF, np.zeros(0))
