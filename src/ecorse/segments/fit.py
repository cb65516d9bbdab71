"""Fitting PCA and k-means on a feature space: anew, or from the champion's centroids.

What belongs here: from features to a fitted model. What does not: which of them is published, ids
and names of segments.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ecorse.features.blocks import Block, Floats, Labels
from ecorse.features.orders import blocks_of, build_blocks, learn_vocabulary
from ecorse.models.declaration import WORDINGS, Feature
from ecorse.models.space import FeatureSpace
from ecorse.segments.identity import first_order
from ecorse.segments.lloyd import Clustering, move_centroids, nearest
from ecorse.segments.projection import Projection, fit_projection
from ecorse.segments.selection import Selection, count_distinct, select_k
from ecorse.segments.silhouette import silhouette


@dataclass(frozen=True)
class KMeansModel:
    """Fitted axes and centroids, and what must outlive the night beside them.

    Attributes
    ----------
    centroids : ``(k, c)`` on the principal components.
    vocabulary : values that have a column, per share feature.
    curve : scores of every k when k was selected, on ``rows_selected`` rows.
    """

    projection: Projection
    centroids: Floats
    features: tuple[Feature, ...]
    spec_hash: str
    vocabulary: dict[str, list[str]]
    columns: list[str]
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
    vocabulary = learn_vocabulary(space.lines, space.features)
    blocks = blocks_of(space, vocabulary)
    projection = fit_projection(blocks, variance_share)
    z = projection.of(blocks)
    fit, curve = select_k(z, selection, seed)
    fit = fit.in_order(first_order(fit.labels, fit.centroids))
    model = KMeansModel(
        projection=projection,
        centroids=fit.centroids,
        features=space.features,
        spec_hash=spec_hash(space, variance_share),
        vocabulary=vocabulary,
        columns=[column for block in blocks for column in block.columns],
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
    z = model.projection.of(_blocks_for(model, space))
    return Placed(z, nearest(z, model.centroids))


def places(model: KMeansModel, space: FeatureSpace, rows: Labels) -> Floats:
    """Some entities, by their numbers, on the model's principal components."""
    return model.projection.of([block.take(rows) for block in _blocks_for(model, space)])


def _blocks_for(model: KMeansModel, space: FeatureSpace) -> Sequence[Block]:
    if model.features == space.features:
        return blocks_of(space, model.vocabulary)
    return build_blocks(space.lines, model.features, model.vocabulary)


def spec_hash(space: FeatureSpace, variance_share: float) -> str:
    """sha256 of what shapes the feature space; a champion of another one is no warm start."""
    features = [feature.model_dump(exclude=WORDINGS) for feature in space.features]
    spec = [features, variance_share, space.entity_column]
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


def why_reselect(
    before: KMeansModel,
    space: FeatureSpace,
    variance_share: float,
    selection: Selection,
) -> str:
    """Why k is selected again tonight before the entities are looked at; empty if nothing is."""
    if before.spec_hash != spec_hash(space, variance_share):
        return "the declared features changed"
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
