"""What density and tree clusterings share: frozen axes, anchors, and when they are made anew.

What belongs here: a night of such a segmentation. What does not: finding the anchors, which each of
them does in ``learn``; ids, names, gate and tables (``ecorse.training``).

A published model stays as it is, axes and anchors, until there is a written reason: who did not
change keeps the label, and a quiet night costs one assignment. Where no structure was found it is
looked for again every night.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ecorse.declared import Table
from ecorse.features.blocks import Floats, Labels
from ecorse.models.base import Segmentation, Task
from ecorse.models.relation import Relation
from ecorse.models.space import FeatureSpace
from ecorse.models.threads import one_thread
from ecorse.segments.anchored_file import AnchoredModel, Learnt, Rows, dump_model, load_model
from ecorse.segments.axes import fit_axes, why_another_space
from ecorse.segments.kmeans_tables import COMPONENTS, LOADINGS
from ecorse.segments.scatter import calinski_harabasz
from ecorse.segments.silhouette import sample_rows, silhouette


class AnchoredConfig(Table):
    """The part of ``[parameters]`` that all of them have.

    ``fit_rows``: rows of a seeded sample that it learns from; ``sample_rows``: rows on which
    figures are taken. The model is made anew when there are ``reselect_growth`` times the rows.
    """

    variance_share: float = Field(0.9, gt=0, lt=1)
    fit_rows: int = Field(20000, ge=2)
    sample_rows: int = Field(2000, ge=2)
    reselect_growth: float = Field(2.0, gt=1)


class Anchored(Segmentation):
    """A segmentation that labels by the nearest of its anchors. Subclasses have ``learn``."""

    diagnostics: ClassVar[tuple[Relation, ...]] = (COMPONENTS, LOADINGS)

    config: Any
    model: AnchoredModel
    reason: str = ""
    _seen: tuple[FeatureSpace, Floats, Labels] | None = None

    @abstractmethod
    def learn(self, z: Floats, seed: int) -> Learnt:
        """Find anchors among the rows of ``z`` ``(n, c)``, a sample."""

    def fit(self, space: FeatureSpace, task: Task, champion: Self | None = None) -> Self:
        """Keep the champion's axes and anchors, or find them anew where that is due."""
        with one_thread():
            if champion is not None:
                self.reason = self._why_anew(champion, space)
                if not self.reason and not champion.is_degenerate():
                    self.model, self._seen = champion.model, champion._seen
                    return self
            self.model = self._anew(space, task.seed)
            if champion is not None and not self.reason:
                if self.is_degenerate():
                    self.model, self._seen = champion.model, champion._seen
                else:
                    self.reason = "segments were found where there were none before"
        return self

    def _anew(self, space: FeatureSpace, seed: int) -> AnchoredModel:
        axes, z = fit_axes(space, self.config.variance_share)
        learnt = self.learn(z[sample_rows(space.n, self.config.fit_rows, seed)], seed)
        labels = learnt.anchors.labels_of(z)
        learnt = replace(learnt, anchors=learnt.anchors.largest_first(labels))
        return AnchoredModel(axes, learnt, space.n, float(np.mean(labels < 0)))

    def _why_anew(self, champion: Self, space: FeatureSpace) -> str:
        before = champion.model
        if reason := why_another_space(before.axes, space, self.config.variance_share):
            return reason
        if space.n >= self.config.reselect_growth * before.rows_selected:
            return f"there are {space.n} rows, and it was made of {before.rows_selected}"
        return self.why_no_longer_fits(champion, space)

    @abstractmethod
    def why_no_longer_fits(self, champion: Self, space: FeatureSpace) -> str:
        """Why the champion's anchors do not suit tonight's entities; empty while they do."""

    def assign(self, space: FeatureSpace) -> Labels:
        """The label of the nearest anchor, -1 where none reaches."""
        return self.placed(space)[1]

    def placed(self, space: FeatureSpace) -> tuple[Floats, Labels]:
        """Tonight's entities on the axes, and their labels."""
        if self._seen is None or self._seen[0] is not space:
            with one_thread():
                z = self.model.axes.of(space)
                self._seen = (space, z, self.model.learnt.anchors.labels_of(z))
        return self._seen[1:]

    def size(self) -> int | None:
        """How many labels there are; ``None`` where everything is noise."""
        return self.model.learnt.anchors.k or None

    def why_changed(self) -> str:
        """Why it was made anew tonight."""
        return self.reason

    def vocabulary(self) -> Mapping[str, list[str]]:
        """The values that have a column."""
        return self.model.axes.vocabulary

    def points(self, space: FeatureSpace, rows: Labels) -> npt.NDArray[np.float64]:
        """The first two principal components."""
        with one_thread():
            return self.model.axes.plot(space, rows)

    def metrics(self, space: FeatureSpace, labels: Labels, seed: int) -> Mapping[str, Any]:
        """Share in no segment; silhouette and Calinski-Harabasz index of the others."""
        z, _ = self.placed(space)
        rows = sample_rows(space.n, self.config.sample_rows, seed)
        rows = rows[labels[rows] >= 0]
        with one_thread():
            found = {
                "noise_share": float(np.mean(labels < 0)),
                "silhouette": silhouette(z[rows], labels[rows], len(rows), seed),
                "calinski_harabasz": calinski_harabasz(z, labels),
                **self.model.learnt.figures,
            }
        return {name: value for name, value in found.items() if value is not None}

    def params(self) -> Mapping[str, Any]:
        """Segments, components, anchors and the shape of the feature space."""
        return {
            "k": self.model.learnt.anchors.k,
            "components": len(self.model.axes.projection.components),
            "anchors": len(self.model.learnt.anchors.points),
            "spec_hash": self.model.axes.spec_hash,
            "why_degenerate": self.model.learnt.why_degenerate,
        }

    def diagnose(self) -> Mapping[str, Rows]:
        """The tables of the choice, the components and their loadings."""
        return {
            **self.model.learnt.tables,
            COMPONENTS.name: self.model.axes.components(),
            LOADINGS.name: self.model.axes.loadings(),
        }

    def why_degenerate(self) -> str:
        """That there was nothing to choose from, or no structure in it."""
        return self.model.learnt.why_degenerate

    def dump(self) -> Mapping[str, bytes]:
        """Axes and anchors as npz, and the facts of the choice."""
        return dump_model(self.model)

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: Any) -> Self:
        """The fitted model again.

        Raises
        ------
        ModelRejected
            The file is of another format, or damaged.
        """
        made = cls(config)
        made.model = load_model(files)
        return made
