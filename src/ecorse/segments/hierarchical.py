"""Ward's hierarchical clustering on a sample, its tree, and the others by the nearest centroid.

What belongs here: the segmentation and its tree. What does not: the rule that reads the curve over
k (``selection``).
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from ecorse.evaluate.gate import label_agreement
from ecorse.features.blocks import Floats, Labels
from ecorse.models.relation import Column, Relation
from ecorse.models.space import FeatureSpace
from ecorse.models.threads import one_thread
from ecorse.segments.anchored import Anchored, AnchoredConfig
from ecorse.segments.anchored_file import Learnt
from ecorse.segments.anchors import Anchors
from ecorse.segments.kmeans_tables import K_CURVE
from ecorse.segments.lloyd import Clustering, inertia, nearest
from ecorse.segments.results import SEGMENTATION_COLUMN, SHOP, WRITER
from ecorse.segments.scatter import calinski_harabasz
from ecorse.segments.selection import TOO_FEW_ROWS, KRule, KScore, choose, count_distinct
from ecorse.segments.silhouette import sample_rows, silhouettes

DENDROGRAM = Relation(
    name="segmentation_dendrogram",
    about="The tree of a hierarchical segmentation: which groups of a sample join, how far apart",
    grain=("shop_id", "segmentation", "merge"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "merge": Column("integer", "1 for the first, of the two nearest; n - 1 of n rows"),
        "left_node": Column("integer", "Below n a row of the sample; n + m - 1: what merge m made"),
        "right_node": Column("integer", "The other of the two"),
        "height": Column(
            "double precision", "Ward's distance: the root of twice the rise of squared distances"
        ),
        "members": Column("integer", "Rows of the sample that are joined then"),
        "is_below_cut": Column("boolean", "Whether the two are in one segment"),
    },
    writer_column=WRITER,
)


class HierarchicalConfig(AnchoredConfig):
    """The ``[parameters]``; memory grows with the square of ``fit_rows`` (4,000: 64 MB)."""

    fit_rows: int = Field(2000, ge=2, le=20000)
    selection: KRule = KRule()


class Hierarchical(Anchored):
    """Segments by cutting Ward's tree where the five criteria say.

    Source: Ward, Hierarchical grouping to optimize an objective function, JASA 58 (1963).
    """

    config_class = HierarchicalConfig
    diagnostics: ClassVar[tuple[Relation, ...]] = (K_CURVE, DENDROGRAM, *Anchored.diagnostics)

    config: HierarchicalConfig

    def learn(self, z: Floats, seed: int) -> Learnt:
        """Make the tree, and cut it at every k that the rows allow."""
        rule = self.config.selection
        largest = min(rule.k_max, count_distinct(z, rule.k_max))
        tried = [k for k in range(1, largest + 1) if k == 1 or k >= min(rule.k_min, largest)]
        tree = ward(z)
        cuts = {k: _centroids(z, cut(tree, k)) for k in tried}
        stability = _stabilities(z, cuts, rule, seed)
        rows = sample_rows(len(z), rule.sample_rows, seed)
        labels = {k: nearest(z, centroids) for k, centroids in cuts.items()}
        found = silhouettes(z[rows], [labels[k][rows] for k in tried])
        scores = [
            KScore(
                k,
                inertia(z, Clustering(cuts[k], labels[k])),
                value,
                calinski_harabasz(z, labels[k]),
                stability.get(k),
                float(np.bincount(labels[k], minlength=k).min() / len(z)),
            )
            for k, value in zip(tried, found, strict=True)
        ]
        curve = choose(scores, rule)
        best = next(score for score in curve if score.is_chosen)
        k = best.k
        few = count_distinct(z, rule.k_max) <= rule.k_max
        return Learnt(
            Anchors(cuts[k], np.arange(k), np.full(k, np.inf)),
            {K_CURVE.name: [s.to_json() for s in curve], DENDROGRAM.name: tree_rows(tree, k)},
            {"smallest_share": best.smallest_share, "stability": best.stability},
            TOO_FEW_ROWS if few else "",
        )

    def distances(self, space: FeatureSpace, rows: Labels) -> Floats:
        """Euclidean, to the centroid of each label on the components."""
        from scipy.spatial.distance import cdist

        anchors = self.model.learnt.anchors
        with one_thread():
            z = self.model.axes.of_rows(space, rows)
        of_label: Floats = cdist(z, anchors.points[np.argsort(anchors.labels)])
        return of_label

    def why_no_longer_fits(self, champion: Self, space: FeatureSpace) -> str:
        """A centroid reaches everyone: what may happen is that a segment gets too small."""
        least = self.config.selection.smallest_share
        before = champion.model.learnt.figures["smallest_share"]
        members = np.bincount(champion.assign(space), minlength=champion.model.learnt.anchors.k)
        smallest = float(members.min() / space.n)
        if smallest < least <= before:
            return f"the smallest segment fell to {smallest:.1%}, below {least:.1%}"
        return ""


def ward(z: Floats) -> Floats:
    """Ward's tree of rows ``z`` ``(n, c)`` as scipy's linkage, ``(n - 1, 4)``."""
    from scipy.cluster.hierarchy import linkage

    if len(z) < 2:
        return np.zeros((0, 4))
    tree: Floats = linkage(z, "ward")
    return tree


def cut(tree: Floats, k: int) -> Labels:
    """The group of each row, ``(n,)``, when the last ``k - 1`` merges are undone."""
    n = len(tree) + 1
    group = np.arange(n + len(tree))
    for number in range(n - k - 1, -1, -1):  # from the last merge that stands to the first
        left, right = tree[number, :2].astype(np.int64)
        group[left] = group[right] = group[n + number]
    _, labels = np.unique(group[:n], return_inverse=True)
    return labels.astype(np.int64)


def _centroids(z: Floats, labels: Labels) -> Floats:
    sums = np.column_stack([np.bincount(labels, column) for column in z.T])
    centroids: Floats = sums / np.bincount(labels)[:, None]
    return centroids


def _stabilities(z: Floats, cuts: dict[int, Floats], rule: KRule, seed: int) -> dict[int, float]:
    """Mean ARI between each cut and that of trees of bootstrap samples; one tree serves every k.

    Source: Hennig, Cluster-wise assessment of cluster stability, CSDA 52 (2007).
    """
    agreements: dict[int, list[float]] = {k: [] for k in cuts if k > 1}
    if not agreements:
        return {}
    for number in range(rule.bootstraps):
        rng = np.random.default_rng([seed, number])
        drawn = z[rng.choice(len(z), min(len(z), rule.bootstrap_rows), replace=True)]
        distinct, tree = count_distinct(drawn, max(agreements)), ward(drawn)
        for k, found in agreements.items():
            if distinct < k:
                found.append(0.0)
                continue
            again = nearest(z, _centroids(drawn, cut(tree, k)))
            found.append(label_agreement(nearest(z, cuts[k]), again))
    return {k: float(np.mean(found)) for k, found in agreements.items()}


def tree_rows(tree: Floats, k: int) -> list[dict[str, Any]]:
    """Rows of ``DENDROGRAM``; the last ``k - 1`` merges are above the cut."""
    return [
        {
            "merge": number,
            "left_node": int(left),
            "right_node": int(right),
            "height": float(height),
            "members": int(members),
            "is_below_cut": number <= len(tree) + 1 - k,
        }
        for number, (left, right, height, members) in enumerate(tree, start=1)
    ]


SEGMENTATION = Hierarchical
