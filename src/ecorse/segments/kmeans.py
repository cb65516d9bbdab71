"""PCA and k-means: segments of any entity by its declared features, warm-started every night.

What belongs here: the segmentation and its configuration. What does not: its steps (``fit``,
``selection``, ``projection``); ids, names, gate and result tables, which are made for every
segmentation alike (``ecorse.training``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ecorse.declared import Table
from ecorse.features.blocks import PART_ROWS, Labels
from ecorse.features.orders import clock_values
from ecorse.models.base import Segmentation, Task
from ecorse.models.space import FeatureSpace
from ecorse.models.threads import one_thread
from ecorse.segments.fit import (
    KMeansModel,
    Placed,
    fit_anew,
    place,
    refit,
    why_no_longer_fits,
    why_reselect,
)
from ecorse.segments.kmeans_file import dump_model, load_model
from ecorse.segments.kmeans_tables import COMPONENTS, K_CURVE, LOADINGS
from ecorse.segments.mixture import hour_mixture_agreement
from ecorse.segments.scatter import calinski_harabasz
from ecorse.segments.selection import TOO_FEW_ROWS, Selection
from ecorse.segments.silhouette import sample_rows, silhouettes


class PcaKMeansConfig(Table):
    """The ``[parameters]``: how much variance the components keep, how k is chosen."""

    variance_share: float = Field(0.9, gt=0, lt=1)
    selection: Selection = Selection()


class PcaKMeans(Segmentation):
    """Segments by k-means on principal components of weighted feature blocks.

    Source: Ding & He, K-means clustering via principal component analysis, ICML (2004),
    https://doi.org/10.1145/1015330.1015408
    """

    config_class = PcaKMeansConfig
    diagnostics: ClassVar = (K_CURVE, COMPONENTS, LOADINGS)

    config: PcaKMeansConfig
    model: KMeansModel
    reason: str = ""
    _labels: tuple[FeatureSpace, Labels] | None = None
    _placed: tuple[FeatureSpace, Placed] | None = None

    def fit(self, space: FeatureSpace, task: Task, champion: PcaKMeans | None = None) -> PcaKMeans:
        """Refit the champion's centroids, or choose k, scaling and axes anew where that is due."""
        share, selection = self.config.variance_share, self.config.selection
        with one_thread():
            placed = None
            if champion is not None:
                before = champion.model
                self.reason = why_reselect(before, space, share, selection)
                if not self.reason:
                    there = champion.place(space)
                    self.reason = why_no_longer_fits(before, there, selection, task.seed)
                if not self.reason:
                    self.model, placed = refit(before, there.z)
                champion._placed = None  # a million orders on ten axes: 100 MB
            if placed is None:
                self.model, placed = fit_anew(space, share, selection, task.seed)
            self._labels = (space, placed.labels)
        return self

    def assign(self, space: FeatureSpace) -> Labels:
        """The nearest centroid of each entity."""
        if self._labels is None or self._labels[0] is not space:
            self._labels = (space, self.place(space).labels)
        return self._labels[1]

    def place(self, space: FeatureSpace) -> Placed:
        """A night's entities on the components; kept until the next model was fitted from them."""
        if self._placed is None or self._placed[0] is not space:
            with one_thread():
                self._placed = (space, place(self.model, space))
        return self._placed[1]

    def size(self) -> int:
        """k: a segment that nobody is in tonight is still one."""
        return self.model.k

    def why_changed(self) -> str:
        """Why k was selected again tonight."""
        return self.reason

    def vocabulary(self) -> Mapping[str, list[str]]:
        """The values that have a column, as of the selection."""
        return self.model.axes.vocabulary

    def points(self, space: FeatureSpace, rows: Labels) -> npt.NDArray[np.float64]:
        """The first two principal components; the second is 0 where there is one."""
        with one_thread():
            return self.model.axes.plot(space, rows)

    def distances(self, space: FeatureSpace, rows: Labels) -> npt.NDArray[np.float64]:
        """Euclidean, to each centroid on the components."""
        with one_thread():
            z = self.model.axes.of_rows(space, rows)
        apart = z[:, None, :] - self.model.centroids[None, :, :]
        found: npt.NDArray[np.float64] = np.sqrt((apart**2).sum(axis=2))
        return found

    def metrics(self, space: FeatureSpace, labels: Labels, seed: int) -> Mapping[str, Any]:
        """What k was chosen by, kept variance, and for orders how far an hour's mixture agrees.

        Silhouette and Calinski-Harabasz index are tonight's, on a sample; the stability is that of
        the night on which k was chosen.
        """
        with one_thread():
            rows = sample_rows(space.n, self.config.selection.sample_rows, seed)
            z = self.model.axes.of_rows(space, rows)
            found = {
                "silhouette": silhouettes(z, [labels[rows]])[0],
                "calinski_harabasz": calinski_harabasz(z, labels[rows]),
                "stability": next(s["stability"] for s in self.model.curve if s["is_chosen"]),
            }
        figures: dict[str, Any] = {k: value for k, value in found.items() if value is not None}
        figures["variance_share"] = float(self.model.axes.projection.variance_shares.sum())
        return figures | self._hour_mixture(space, labels)

    def _hour_mixture(self, space: FeatureSpace, labels: Labels) -> dict[str, Any]:
        hour = next((f for f in space.features if f.part == "hour"), None)
        if hour is None or space.entity_column != "order_id":
            return {}  # only an order has one hour
        entity = space.lines.entity  # rises: an order's first line is where it changes
        first = np.flatnonzero(np.diff(entity, prepend=-1))
        times, hours = space.lines.frame[hour.column], np.empty(space.n)
        for start in range(0, space.n, PART_ROWS):
            part = slice(start, start + PART_ROWS)
            hours[part] = clock_values(times[first[part]], hour.part)
        if not np.isfinite(hours).all():
            return {}
        mixture = hour_mixture_agreement(hours, labels)
        return {f"hour_mixture_{name}": value for name, value in mixture.items()}

    def params(self) -> Mapping[str, Any]:
        """k, components and the shape of the feature space."""
        return {
            "k": self.model.k,
            "components": len(self.model.axes.projection.components),
            "spec_hash": self.model.axes.spec_hash,
        }

    def diagnose(self) -> Mapping[str, list[dict[str, Any]]]:
        """The curve over k, the components and their loadings."""
        return {
            K_CURVE.name: self.model.curve,
            COMPONENTS.name: self.model.axes.components(),
            LOADINGS.name: self.model.axes.loadings(),
        }

    def why_degenerate(self) -> str:
        """That there were too few distinct rows to choose k."""
        return TOO_FEW_ROWS if self.model.is_degenerate else ""

    def dump(self) -> Mapping[str, bytes]:
        """Axes and centroids as npz, and the facts of the selection."""
        return dump_model(self.model)

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: PcaKMeansConfig) -> PcaKMeans:
        """The fitted model again.

        Raises
        ------
        ModelRejected
            The file is of another format, or damaged.
        """
        made = cls(config)
        made.model = load_model(files)
        return made


SEGMENTATION = PcaKMeans
