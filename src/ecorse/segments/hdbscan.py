"""HDBSCAN: dense regions whose densities may differ, and noise between them.

What belongs here: the segmentation; the clustering is scikit-learn's, on a sample whose size
bounds time and memory. What does not: the rule between settings (``by_density``).
"""

from __future__ import annotations

from math import ceil
from typing import ClassVar

import numpy as np
from pydantic import Field

from ecorse.features.blocks import Floats, Labels
from ecorse.models.relation import Relation
from ecorse.segments.anchored_file import Learnt
from ecorse.segments.anchors import Anchors, no_anchors
from ecorse.segments.by_density import (
    GRID,
    NO_STRUCTURE,
    ByDensity,
    DensityConfig,
    choose_setting,
    judged,
    one_segment,
)
from ecorse.segments.density import find_neighbours, k_distances
from ecorse.segments.selection import count_distinct


class HdbscanConfig(DensityConfig):
    """The ``[parameters]``; time grows with the square of ``fit_rows``."""

    fit_rows: int = Field(8000, ge=2)
    smallest_share: float = Field(0.02, gt=0, lt=1)


class Hdbscan(ByDensity):
    """Segments by the most lasting regions of the density tree.

    A new row is in the segment of the nearest row of the sample, if that is in one and no farther
    than the widest core distance of that segment; else in none.

    Source: Campello, Moulavi & Sander, Density-based clustering based on hierarchical density
    estimates, PAKDD (2013).
    """

    config_class = HdbscanConfig
    diagnostics: ClassVar[tuple[Relation, ...]] = (GRID, *ByDensity.diagnostics)

    config: HdbscanConfig

    def learn(self, z: Floats, seed: int) -> Learnt:
        """Try every min_samples, and take one by the written rule."""
        config = self.config
        smallest = max(2, ceil(config.smallest_share * len(z)))
        able = [m for m in config.min_samples if max(m, smallest) <= len(z)]
        if not able:
            least = max(min(config.min_samples), smallest)
            why = f"{len(z)} rows are fewer than a segment needs, {least}"
            return Learnt(no_anchors(z.shape[1]), {}, why_degenerate=why)
        if count_distinct(z, 1) == 1:
            return Learnt(one_segment(z.shape[1]), {}, why_degenerate="all rows are alike")
        tried = [
            judged(z, m, None, _hdbscan(z, m, smallest), config.sample_rows, seed) for m in able
        ]
        chosen, grid = choose_setting(tried, config)
        tables = {GRID.name: grid}
        if chosen is None:
            return Learnt(one_segment(z.shape[1]), tables, why_degenerate=NO_STRUCTURE)
        best = tried[chosen]
        figures: dict[str, float | int] = {"min_samples": best.min_samples}
        if best.validity is not None:
            figures["density_validity"] = best.validity
        anchors = _member_anchors(z, best.labels, best.min_samples)
        return Learnt(anchors, tables, figures)


def _hdbscan(z: Floats, min_samples: int, smallest: int) -> Labels:
    from sklearn.cluster import HDBSCAN

    model = HDBSCAN(
        min_cluster_size=smallest, min_samples=min_samples, algorithm="kd_tree", copy=True
    )
    labels: Labels = model.fit_predict(z).astype(np.int64)
    return labels


def _member_anchors(z: Floats, labels: Labels, min_samples: int) -> Anchors:
    """Every row of the sample as an anchor that reaches the widest core distance of its segment."""
    found = find_neighbours(z, min_samples)
    core = k_distances(found, min_samples)[found.row_of]
    widest = np.zeros(int(labels.max(initial=-1)) + 2)
    np.maximum.at(widest, labels, core)
    widest[-1] = 0.0  # of noise
    return Anchors(z, labels, widest[labels])


SEGMENTATION = Hdbscan
