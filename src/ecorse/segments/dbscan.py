"""DBSCAN: segments are dense regions of any shape, and what is in none is noise.

What belongs here: the segmentation, and which eps are tried. What does not: neighbours and
linking (``density``), the rule between settings (``by_density``).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from ecorse.features.blocks import Floats
from ecorse.models.relation import Relation
from ecorse.segments.anchored_file import Learnt, Rows
from ecorse.segments.anchors import no_anchors
from ecorse.segments.by_density import (
    GRID,
    K_DISTANCE,
    NO_STRUCTURE,
    ByDensity,
    DensityConfig,
    choose_setting,
    curve_rows,
    judged,
    one_segment,
    without_small,
)
from ecorse.segments.density import (
    core_anchors,
    dbscan,
    find_knee,
    find_neighbours,
    k_distances,
)


class DbscanConfig(DensityConfig):
    """The ``[parameters]``. ``eps``: the one to take, on the weighted axes; without it those of
    ``eps_factors`` times the knee of each k-distance curve are tried."""

    eps: float | None = Field(None, ge=0)
    eps_factors: tuple[float, ...] = Field((2.0, 1.5, 1.0, 0.7, 0.5), min_length=1)


class Dbscan(ByDensity):
    """Segments by density; a new row is in that of the nearest core within eps, else in none.

    Source: Ester, Kriegel, Sander & Xu, A density-based algorithm for discovering clusters in
    large spatial databases with noise, KDD (1996).
    """

    config_class = DbscanConfig
    diagnostics: ClassVar[tuple[Relation, ...]] = (GRID, K_DISTANCE, *ByDensity.diagnostics)

    config: DbscanConfig

    def learn(self, z: Floats, seed: int) -> Learnt:
        """Try every min_samples with every eps, and take one by the written rule."""
        config = self.config
        found = find_neighbours(z, max(config.min_samples))
        tried, made, curves = [], [], Rows()
        for min_samples in config.min_samples:
            radius = k_distances(found, min_samples)
            curve = np.sort(radius[found.row_of])
            curve = curve[np.isfinite(curve)]
            if not len(curve):
                continue  # fewer rows than that
            knee = find_knee(curve)
            curves += curve_rows(min_samples, curve, knee)
            for eps in self._eps(knee):
                is_core, labels = dbscan(found, radius, eps)
                labels = without_small(labels, found.weights, config.smallest_share)
                rows = labels[found.row_of]
                tried.append(judged(z, min_samples, eps, rows, config.sample_rows, seed))
                made.append((is_core, labels, eps))
        if not tried:
            why = f"{len(z)} rows are fewer than the least min_samples, {min(config.min_samples)}"
            return Learnt(no_anchors(z.shape[1]), {}, why_degenerate=why)
        chosen, grid = choose_setting(tried, config)
        tables = {GRID.name: grid, K_DISTANCE.name: curves}
        if chosen is None:
            return Learnt(one_segment(z.shape[1]), tables, why_degenerate=NO_STRUCTURE)
        figures: dict[str, float | int] = {
            "eps": made[chosen][2],
            "min_samples": tried[chosen].min_samples,
        }
        if (validity := tried[chosen].validity) is not None:
            figures["density_validity"] = validity
        anchors = core_anchors(found, *made[chosen])
        return Learnt(anchors, tables, figures)

    def _eps(self, knee: float) -> list[float]:
        if self.config.eps is not None:
            return [self.config.eps]
        return list(dict.fromkeys(factor * knee for factor in self.config.eps_factors))


SEGMENTATION = Dbscan
