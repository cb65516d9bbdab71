"""Fitting PCA and k-means on a feature space: anew, or from the champion's centroids.

What belongs here: from features to a fitted model. What does not: which of them is published, ids
and names of segments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ecorse.features.blocks import Floats, Labels
from ecorse.models.space import FeatureSpace
from ecorse.segments.axes import Axes, fit_axes, why_another_space
from ecorse.segments.identity import first_order
from ecorse.segments.lloyd import Clustering, move_centroids, nearest
from ecorse.segments.selection import Selection, count_distinct, select_k
from ecorse.segments.silhouette import silhouette


@dataclass(frozen=True)
class KMeansModel:
    """Fitted axes and centroids, and what must outlive the night beside them.

    Attributes
    ----------
    centroids : ``(k, c)`` on the principal components.
    curve : scores of every k when k was selected, on ``rows_selected`` rows.
    """

    axes: Axes
    centroids: Floats
    curve: list[dict[str, Any]]
    rows_selected: int
    is_degenerate: bool

    @property
    def k(self) -> int:
        """How many segments."""
        return len(self.centroids)


@dataclass(frozen=True)
class Placed:
    """One night's entities on a model's principal components, and the cluster of each."""

    z: Floats
    labels: Labels


def fit_anew(
    space: FeatureSpace, variance_share: float, selection: Selection, seed: int
) -> tuple[KMeansModel, Placed]:
    """Fit everything: vocabulary, scaling, PCA, k; clusters come largest first."""
    axes, z = fit_axes(space, variance_share)
    fit, curve = select_k(z, selection, seed)
    fit = fit.in_order(first_order(fit.labels, fit.centroids))
    model = KMeansModel(
        axes=axes,
        centroids=fit.centroids,
        curve=[score.to_json() for score in curve],
        rows_selected=space.n,
        is_degenerate=count_distinct(z, selection.k_max) <= selection.k_max,
    )
    return model, Placed(z, fit.labels)


def refit(before: KMeansModel, z: Floats) -> tuple[KMeansModel, Placed]:
    """Move the champion's centroids to today's rows ``z``; scaling and PCA stay as they were.

    Frozen axes are what makes labels comparable: refitted ones could turn or swap components of
    near-equal variance overnight, and then no centroid would mean what it meant.
    """
    fit: Clustering = move_centroids(z, before.centroids)
    return replace(before, centroids=fit.centroids), Placed(z, fit.labels)


def place(model: KMeansModel, space: FeatureSpace) -> Placed:
    """The entities on the model's principal components, each with its nearest centroid."""
    z = model.axes.of(space)
    return Placed(z, nearest(z, model.centroids))


def why_reselect(
    before: KMeansModel,
    space: FeatureSpace,
    variance_share: float,
    selection: Selection,
) -> str:
    """Why k is selected again tonight before the entities are looked at; empty if nothing is."""
    if reason := why_another_space(before.axes, space, variance_share):
        return reason
    if space.n >= selection.reselect_growth * before.rows_selected:
        return f"there are {space.n} rows, and k was selected on {before.rows_selected}"
    return ""


def why_no_longer_fits(before: KMeansModel, placed: Placed, selection: Selection, seed: int) -> str:
    """Why the champion's k does not suit tonight's entities; empty while it stays acceptable."""
    chosen = next(score for score in before.curve if score["is_chosen"])
    if chosen["silhouette"] is not None:
        now = silhouette(placed.z, placed.labels, selection.sample_rows, seed)
        least = chosen["silhouette"] - selection.reselect_silhouette_loss
        if now is None or now < least:
            return f"the silhouette fell from {chosen['silhouette']:.3f} to {now or 0.0:.3f}"
    members = np.bincount(placed.labels, minlength=before.k)
    smallest = float(members.min() / len(placed.labels))
    if smallest < selection.smallest_share <= chosen["smallest_share"]:
        return f"the smallest segment fell to {smallest:.1%}, below {selection.smallest_share:.1%}"
    return ""
